// Compare texts by meaning in JavaScript, with vectors from Ollama's /api/embed.
//
//     node embed.mjs "Which animal sleeps a lot?" "Cats sleep a lot." "Rust is a language."
//
// The first text is the question, the others are compared with it.

const BASE_URL = process.env.OLLAMA_HOST ?? "http://127.0.0.1:11434"; // with scheme and port
const MODEL = "nomic-embed-text";

/** Return one vector for each text, in their order. The reply is whole: embeddings never stream. */
async function embed(texts) {
  const response = await fetch(`${BASE_URL}/api/embed`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model: MODEL, input: texts, truncate: false }),
  });
  const reply = await response.json();
  if (!response.ok) throw new Error(`status ${response.status}: ${reply.error}`);
  if (reply.embeddings.length !== texts.length) {
    throw new Error(`${texts.length} texts were sent, ${reply.embeddings.length} vectors came back`);
  }
  for (const vector of reply.embeddings) {
    const norm = Math.hypot(...vector);
    if (!(Math.abs(norm - 1) < 0.01)) throw new Error(`a vector of length ${norm}: ask again`);
  }
  return reply.embeddings;
}

/** Return the inner product, which is the cosine, since both vectors have length 1. */
function similarity(a, b) {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

const [question = "Which animal sleeps a lot?", ...given] = process.argv.slice(2);
const texts = given.length ? given : ["Cats sleep a lot.", "Rust is a language."];

// This model wants a task before each text, and Ollama adds none.
const [query, ...vectors] = await embed([
  `search_query: ${question}`,
  ...texts.map((text) => `search_document: ${text}`),
]);

texts
  .map((text, i) => ({ text, score: similarity(query, vectors[i]) }))
  .sort((a, b) => b.score - a.score)
  .forEach(({ text, score }) => console.log(score.toFixed(3), text));
