"""Find the sentence that answers a question, with vectors from Ollama's /api/embed.

    python embed_and_search.py "Which animal sleeps a lot?"

It needs numpy, and the model nomic-embed-text on the server.
"""

import json
import os
import sys
import urllib.request

import numpy as np

BASE_URL = os.environ.get("OLLAMA_HOST", "http://127.0.0.1:11434")  # with scheme and port
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy for local calls
MODEL = "nomic-embed-text"

# This model wants a task before each text, and another one before questions. Ollama adds none.
DOCUMENT_PREFIX = "search_document: "
QUERY_PREFIX = "search_query: "

BATCH = 32  # a batch saves round trips; its texts are computed one after another all the same

SENTENCES = [
    "Cats sleep up to sixteen hours a day.",
    "The Loire is the longest river of France.",
    "A hash table finds an entry in constant time on average.",
]


def embed(texts: list[str]) -> np.ndarray:
    """Return one vector of length 1 for each text, in their order."""
    vectors: list[list[float]] = []
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        payload = {
            "model": MODEL,
            "input": batch,
            "truncate": False,  # a text that is too long is an error, and does not lose its end
            "keep_alive": "10m",
        }
        request = urllib.request.Request(
            f"{BASE_URL}/api/embed",
            data=json.dumps(payload).encode(),
            headers={"Content-Type": "application/json"},
        )
        with OPENER.open(request, timeout=300) as response:
            vectors += json.load(response)["embeddings"]
    return checked(np.array(vectors, dtype=np.float32), len(texts))


def checked(vectors: np.ndarray, count: int) -> np.ndarray:
    """Return the vectors if there is one for each text and each of them is sound."""
    if vectors.ndim != 2 or len(vectors) != count:
        raise ValueError(f"{count} texts were sent, {len(vectors)} vectors came back")
    norms = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(~(np.abs(norms - 1) < 0.01))  # also where a norm is not a number
    if bad.size:
        raise ValueError(f"no usable vector for the texts {bad.tolist()}: ask for them again")
    return vectors


def search(question: str, sentences: list[str]) -> list[tuple[float, str]]:
    """Return the sentences with their similarity to the question, the most similar first."""
    documents = embed([DOCUMENT_PREFIX + text for text in sentences])
    query = embed([QUERY_PREFIX + question])[0]
    scores = documents @ query  # all vectors have length 1: the inner product is the cosine
    return [(float(scores[i]), sentences[i]) for i in np.argsort(-scores)]


def main() -> None:
    """Print each sentence with its score."""
    question = " ".join(sys.argv[1:]) or "Which animal sleeps a lot?"
    for score, sentence in search(question, SENTENCES):
        print(f"{score:.3f}  {sentence}")


if __name__ == "__main__":
    main()
