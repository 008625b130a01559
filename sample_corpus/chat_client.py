"""Stream an answer from Ollama's /api/chat with nothing but the standard library.

    python chat_client.py llama3.2 "Why is the sky blue?"

The answer goes to standard output piece by piece, the token counts to standard error.
"""

import argparse
import http.client
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

BASE_URL = "http://127.0.0.1:11434"  # no /api at the end: the path is added below

# The first byte comes only when the model is loaded and the prompt has been read, so this
# must be generous: a client that gives up early makes the server abandon the load.
READ_TIMEOUT_S = 600

# urllib would send even local requests to the proxy named by HTTP_PROXY; an empty table of
# proxies prevents that.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ChatError(Exception):
    """The server refused the request, or the answer broke off."""


def error_text(body: bytes) -> str:
    """Return the message in an error body, which is JSON from Ollama and anything from a proxy."""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, TypeError, KeyError):
        return body[:500].decode("utf-8", "replace") or "no explanation given"


def stream_chat(
    model: str, messages: list[dict[str, str]], num_ctx: int = 8192, base_url: str = BASE_URL
) -> Iterator[dict[str, Any]]:
    """Yield the records of the answer; the last one has ``done`` true and holds the counters."""
    payload = {
        "model": model,
        "messages": messages,  # the whole history: the server remembers nothing
        "stream": True,
        "truncate": False,  # a prompt that is too long is an error, not a silent cut
        "keep_alive": "10m",
        "options": {"num_ctx": num_ctx, "temperature": 0.1},
    }
    request = urllib.request.Request(  # with data it is a POST
        f"{base_url}/api/chat",
        data=json.dumps(payload).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with OPENER.open(request, timeout=READ_TIMEOUT_S) as response:
            for line in response:  # bytes, split at b"\n" only: one line is one JSON record
                record = json.loads(line)
                if "error" in record:  # status 200 was sent long ago: errors come as a line
                    raise ChatError(record["error"])
                yield record
                if record["done"]:
                    return
    except urllib.error.HTTPError as error:  # refused before the first token
        raise ChatError(f"{error.code}: {error_text(error.read())}") from error
    except urllib.error.URLError as error:
        raise ChatError(f"{base_url}: {error.reason}. Is `ollama serve` running?") from error
    except (OSError, http.client.HTTPException, ValueError) as error:  # or half a record came
        raise ChatError(f"the connection broke: {error!r}") from error
    raise ChatError("the stream ended without its last record: the answer is incomplete")


def main() -> int:
    """Ask one question and print the answer while it is being written."""
    parser = argparse.ArgumentParser(description="Ask a model that runs on Ollama.")
    parser.add_argument("model")
    parser.add_argument("question")
    parser.add_argument("--url", default=BASE_URL, help="where Ollama listens (%(default)s)")
    args = parser.parse_args()

    messages = [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": args.question},
    ]
    try:
        for record in stream_chat(args.model, messages, base_url=args.url.rstrip("/")):
            sys.stdout.write(record["message"]["content"])  # may be empty, also in the last record
            sys.stdout.flush()
    except ChatError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1

    # Counters that are zero are left out by the server, hence the defaults.
    tokens = record.get("eval_count", 0)
    seconds = record.get("eval_duration", 0) / 1e9  # durations are in nanoseconds
    rate = f", {tokens / seconds:.1f} per second" if seconds else ""
    prompt_tokens = record.get("prompt_eval_count", 0)
    sys.stderr.write(f"\n{prompt_tokens} tokens read, {tokens} written{rate}\n")
    if record.get("done_reason") == "length":
        sys.stderr.write("The answer was cut off: num_predict or num_ctx was used up.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
