"""What a server is made of, as a test sees it, and how a request comes upon its model."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.ollama_server.faults import Faults
from tests.ollama_server.loading import Loaded, Memory
from tests.ollama_server.models import REGISTRY, USUAL, Model, Name, Store
from tests.ollama_server.releases import Release
from tests.ollama_server.replies import Dropped, Failure
from tests.ollama_server.requests import Request, options
from tests.ollama_server.tensors import damage

KEEP_ALIVE_S = 300.0  # OLLAMA_KEEP_ALIVE
BUSY = "server busy, please try again.  maximum pending requests exceeded"

Reply = str | Callable[[Sequence[Mapping[str, Any]]], str]


class Server:
    """An Ollama of a release: its models, what it was asked, and what is to go wrong.

    ``models`` are installed, those of ``registries`` can be pulled, by the registry's host: a host
    that is not among them is not found. ``reply`` is what each chat model says, a text or what a
    function makes of the messages; None leaves it to the model. ``drift`` makes all vectors those
    of a release that reads texts otherwise. ``token_s``, ``embed_s`` and ``load_s`` are how long a
    token, a vector and the loading of a model take; ``gpu_share`` is how much of a loaded model is
    on a GPU.
    """

    def __init__(self, release: str, *, models: Sequence[Model] = USUAL) -> None:
        self.release = Release(release)
        self.url = ""  # known when it is served
        self.models = Store(models)
        self.registries = {REGISTRY: Store(USUAL)}
        self.faults = Faults()
        self.reply: Reply | None = None
        # Recorded: one BERT, one text, cosine .85 to .87 between 0.24.0 and either other release.
        self.drift = self.release.between("0.14.0", "0.30.0")
        self.token_s = 0.0
        self.embed_s = 0.0
        self.load_s = 0.0
        self.gpu_share = 0.0  # of each loaded model, 0 to 1
        self.loaded = Memory(self.release)
        self.cancelled: list[Request] = []  # whose client left before the end
        self._requests: list[Request] = []
        self._lock = threading.Condition()

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, in order."""
        with self._lock:
            return list(self._requests)

    @property
    def loads(self) -> Counter[str]:
        """How often each model was loaded, by its name."""
        return self.loaded.loads

    def requests_to(self, path: str) -> list[dict[str, Any]]:
        """Return the bodies of the requests to a path, in order."""
        return [request.body or {} for request in self.requests if request.path == path]

    def forget(self) -> None:
        """Forget what was asked."""
        with self._lock:
            self._requests.clear()

    def record(self, request: Request) -> None:
        with self._lock:
            self._requests.append(request)

    def add(self, model: Model) -> Model:
        """Install a model, in place of one of its name."""
        self.models.add(model)
        return model

    def remove(self, name: str) -> None:
        """Remove a model, loaded or not."""
        self.loaded.unload(self.models[name])
        self.models.remove(name)

    def wait_for_cancelled(self, count: int = 1, timeout_s: float = 5.0) -> bool:
        """Wait until so many clients have left before the end of a reply; say whether they have."""
        with self._lock:
            return self._lock.wait_for(lambda: len(self.cancelled) >= count, timeout_s)

    # -- for handlers

    def lose(self, request: Request) -> None:
        """Take note of a client that has left."""
        with self._lock:
            self.cancelled.append(request)
            self._lock.notify_all()

    def load(
        self, model: Model, body: Mapping[str, Any], gone: Callable[[], bool] = lambda: False
    ) -> Loaded:
        """Load a model for a request, with the options it asks for.

        A client that leaves (``gone``) ends the loading.

        Raises:
            Failure: an option is wrong, the server is busy, or the model does not fit.
        """
        chosen = options(body.get("options") or {})
        if self.faults.takes("busy"):
            raise Failure(503, BUSY)
        if self.faults.no_memory:
            self._no_memory()
        if model.is_damaged:
            raise damage(model, self.release)
        if self.load_s and model.name not in self.loaded:
            until = time.monotonic() + self.load_s
            while time.monotonic() < until:
                time.sleep(0.005)
                if gone():
                    raise Dropped
        keep_alive_s = body.get("keep_alive", KEEP_ALIVE_S)
        return self.loaded.load(model, chosen, keep_alive_s, shift=body.get("shift", True))

    def release_after(self, model: Model, body: Mapping[str, Any]) -> None:
        """Unload a model if its request asked that it go at once."""
        if body.get("keep_alive") == 0:
            self.loaded.unload(model)

    def _no_memory(self) -> None:
        if self.release < "0.30.0":
            raise Failure(
                500,
                "model requires more system memory (41.5 GiB) than is available (23.0 GiB)",
            )
        raise Failure(
            500,
            "llama-server process has terminated: exit status 1: ggml_aligned_malloc: "
            "insufficient memory (attempted to allocate 42496.00 MB)",
        )


def is_name(text: str) -> bool:
    """Say whether a model may be called so."""
    return Name.parse(text) is not None
