"""Models in memory: which are loaded, with what, and until when."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.ollama_server.models import Model
from tests.ollama_server.releases import Release
from tests.ollama_server.replies import Failure
from tests.ollama_server.requests import FOREVER_S

# Options that a runner is started with: another value means another runner.
LOAD_TIME = "num_ctx num_batch num_gpu main_gpu use_mmap num_thread draft_num_predict".split()
GIB = 1 << 30
LLAMA_CELLS = 256  # llama-server rounds a context up to a multiple of this


@dataclass(slots=True)
class Loaded:
    """A model in memory."""

    model: Model
    context_length: int  # tokens that were allocated
    given: Mapping[str, Any]  # load-time options
    expires_at: float  # seconds since 1970

    @property
    def size(self) -> int:
        return self.model.file_bytes + kv_bytes(self.model, self.context_length)


def kv_bytes(model: Model, context_length: int) -> int:
    """Return what a context takes: two vectors a token and a block, of two bytes a number."""
    return 4 * (model.kv_dim or model.dim) * model.blocks * context_length


def default_num_ctx(release: Release) -> int:
    """Return the context that a server without a large GPU gives where nothing asks for one."""
    return 2048 if release < "0.6.7" else 4096


def num_ctx(model: Model, options: Mapping[str, Any], release: Release) -> int:
    """Return the context asked for, by the request, else the Modelfile, else the release."""
    return int(options.get("num_ctx") or model.num_ctx or default_num_ctx(release))


class Memory:
    """The models that are loaded, the last used last. ``loads`` counts, by a model's name."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.loads: Counter[str] = Counter()
        self.most = 3  # OLLAMA_MAX_LOADED_MODELS on a machine without a GPU
        self.free_bytes = 23 * GIB
        self._loaded: dict[str, Loaded] = {}
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Loaded]:
        with self._lock:
            now = time.time()
            self._loaded = {k: v for k, v in self._loaded.items() if v.expires_at > now}
            return iter(reversed(self._loaded.values()))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, name: str) -> Loaded:
        return next(each for each in self if name in (each.model.name, each.model.shown))

    def __contains__(self, name: str) -> bool:
        return any(name in (each.model.name, each.model.shown) for each in self)

    def load(
        self, model: Model, options: Mapping[str, Any], keep_alive_s: float, *, shift: bool = True
    ) -> Loaded:
        """Load a model unless it is there, just so; ``keep_alive_s`` of 0 is seen to afterwards.

        Raises:
            Failure: its context does not fit into memory.
        """
        asked: dict[str, Any] = {name: options.get(name) for name in LOAD_TIME}
        asked["num_ctx"] = num_ctx(model, options, self.release)
        if self.release >= "0.30.0":
            asked["shift"] = shift
        with self._lock:
            loaded = self._loaded.pop(model.shown, None)
            is_there = loaded is not None and loaded.expires_at > time.time()
            if loaded is None or not is_there or loaded.model != model or loaded.given != asked:
                loaded = Loaded(model, self._context(model, asked["num_ctx"]), asked, 0.0)
                self.loads[model.name] += 1
            loaded.expires_at = time.time() + min(keep_alive_s or FOREVER_S, FOREVER_S)
            self._loaded[model.shown] = loaded
            for name in list(self._loaded)[: -self.most]:
                del self._loaded[name]
            return loaded

    def unload(self, model: Model) -> None:
        with self._lock:
            self._loaded.pop(model.shown, None)

    def _context(self, model: Model, asked: int) -> int:
        clamped = min(asked, model.context_length or asked)
        is_rounded = model.chats and self.release >= "0.30.0"
        context = -(-clamped // LLAMA_CELLS) * LLAMA_CELLS if is_rounded else clamped
        self._check_memory(model, context)
        return context

    def _check_memory(self, model: Model, context: int) -> None:
        # Four requests at a time was the default before 0.10.
        need = kv_bytes(model, context) * (1 if self.release >= "0.10.0" else 4)
        if need <= self.free_bytes:
            return
        if self.release < "0.30.0":
            raise Failure(
                500,
                f"model requires more system memory ({need / GIB:.1f} GiB) than is available "
                f"({self.free_bytes / GIB:.1f} GiB)",
            )
        raise Failure(
            500,
            "llama-server process has terminated: exit status 1: ggml_aligned_malloc: "
            f"insufficient memory (attempted to allocate {need / (1 << 20):.2f} MB)\n"
            "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size "
            f"{need}\nalloc_tensor_range: failed to allocate CPU buffer of size {need}\n"
            "llama_init_from_model: failed to initialize the context: failed to allocate buffer "
            "for kv cache",
        )
