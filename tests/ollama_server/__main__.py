"""Serve by hand: ``python -m tests.ollama_server [--release R] [--port P]``."""

import argparse
import contextlib
import threading

from tests.ollama_server import serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.ollama_server", description=__doc__)
    parser.add_argument("--release", default="0.33.0-rc2", help="whom to answer as")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt), serve(given.release, port=given.port) as server:
        print(server.url, flush=True)  # noqa: T201 - what it is for
        threading.Event().wait()
