// Stream an answer from Ollama's /api/chat in JavaScript, with fetch and nothing else.
//
//     node chat_stream.mjs llama3.2 "Why is the sky blue?"
//
// Node 18 or later; the functions work in a browser too if the server allows the page's origin
// (OLLAMA_ORIGINS).

const BASE_URL = globalThis.process?.env.OLLAMA_HOST ?? "http://127.0.0.1:11434"; // with scheme and port

/**
 * Yield the JSON records of a reply, one a line (NDJSON).
 *
 * A chunk of the network ends anywhere: in the middle of a record, even in the middle of a letter.
 * So the decoder keeps half a letter for the next chunk (`stream: true`), and `rest` keeps half
 * a line.
 */
export async function* records(body) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop(); // what follows the last "\n": the beginning of a record, or ""
    for (const line of lines) {
      if (line) yield JSON.parse(line);
    }
  }
  rest += decoder.decode();
  if (rest) yield JSON.parse(rest); // a last line without its "\n"
}

/** Return the message of a refused request: JSON from Ollama, anything from a proxy. */
async function errorText(response) {
  const text = await response.text();
  try {
    return JSON.parse(text).error ?? text;
  } catch {
    return text.slice(0, 500) || "no explanation given";
  }
}

/** Yield the records of an answer; the last one has `done` true and holds the counters. */
export async function* chat(model, messages, { signal } = {}) {
  const response = await fetch(`${BASE_URL}/api/chat`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    // messages is the whole history: the server remembers nothing
    body: JSON.stringify({ model, messages, options: { num_ctx: 8192 }, truncate: false }),
    signal, // abort() closes the connection, and the server stops computing
  });
  if (!response.ok) {
    throw new Error(`status ${response.status}: ${await errorText(response)}`);
  }
  for await (const record of records(response.body)) {
    // status 200 was sent long ago: a failure comes as a line of its own
    if (record.error) throw new Error(record.error);
    yield record;
    if (record.done) return;
  }
  throw new Error("the stream ended without its last record: the answer is incomplete");
}

async function main([model = "llama3.2", question = "Why is the sky blue?"]) {
  const messages = [{ role: "user", content: question }];
  for await (const record of chat(model, messages)) {
    process.stdout.write(record.message.content); // may be empty while the model is thinking
    if (record.done) {
      // counters that are zero are left out; durations are in nanoseconds
      const { prompt_eval_count = 0, eval_count = 0, done_reason } = record;
      process.stderr.write(`\n${prompt_eval_count} tokens read, ${eval_count} written\n`);
      if (done_reason === "length") process.stderr.write("The answer was cut off.\n");
    }
  }
}

if (globalThis.process?.argv[1]?.endsWith("chat_stream.mjs")) {
  main(process.argv.slice(2)).catch((error) => {
    process.stderr.write(`\n${error.message}\n`);
    process.exitCode = 1;
  });
}
