"""Download a model through Ollama's /api/pull, with its progress, and say what it can do.

    python pull_model.py all-minilm

Only the standard library is needed.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

BASE_URL = os.environ.get("OLLAMA_HOST", "http://127.0.0.1:11434")  # with scheme and port
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy for local calls


class PullError(Exception):
    """The model did not arrive."""


def post(path: str, payload: dict[str, Any], timeout: float) -> Iterator[dict[str, Any]]:
    """Yield the records of a reply: one a line, or the only one."""
    request = urllib.request.Request(
        f"{BASE_URL}{path}",
        data=json.dumps(payload).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with OPENER.open(request, timeout=timeout) as response:
            for line in response:
                record = json.loads(line)
                if "error" in record:  # under status 200: the stream had begun
                    raise PullError(record["error"])
                yield record
    except urllib.error.HTTPError as error:
        raise PullError(error.read().decode("utf-8", "replace")) from error


def pull(name: str) -> Iterator[tuple[str, int, int]]:
    """Yield what is being done, with the bytes that have arrived and those there are."""
    total: dict[str, int] = {}  # a model has several layers, each with a digest
    completed: dict[str, int] = {}
    status = ""
    for record in post("/api/pull", {"model": name}, timeout=600):
        status = record["status"]
        if digest := record.get("digest"):
            total[digest] = record.get("total", 0)
            completed[digest] = record.get("completed", 0)  # absent while it is zero
        yield status, sum(completed.values()), sum(total.values())
    if status != "success":  # nothing else means that the model is there
        raise PullError(f"the download ended after {status!r}; the next one goes on from there")


def facts(name: str) -> str:
    """Return what a model can do and how much it can read, from its metadata."""
    shown = next(post("/api/show", {"model": name}, timeout=30))
    info = shown["model_info"]
    architecture = info["general.architecture"]  # the keys begin with its name
    context = info.get(f"{architecture}.context_length", "unknown")
    abilities = ", ".join(shown.get("capabilities", ["unknown: the server is older than 0.6.4"]))
    return f"{name}: {abilities}; context {context}"


def main() -> int:
    """Download the model that the command line names."""
    name = sys.argv[1] if len(sys.argv) > 1 else "all-minilm"
    try:
        for status, completed, total in pull(name):
            percent = f" {100 * completed // total} %" if total else ""
            print(f"{status}{percent}")
        print(facts(name))
    except (PullError, urllib.error.URLError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
