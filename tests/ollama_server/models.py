"""The models a server has: what each is, and by which names it is known."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

REGISTRY = "registry.ollama.ai"
PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}")
MADE_AT = 1_795_000_000  # seconds since 1970, of the first model


@dataclass(frozen=True, slots=True)
class Name:
    """A model's name in full: ``[scheme://][host/][namespace/]model[:tag]``."""

    model: str
    tag: str = "latest"
    namespace: str = "library"
    host: str = REGISTRY
    scheme: str = "https"

    @classmethod
    def parse(cls, text: str) -> Name | None:
        """Return the name, None if no name may look like this."""
        before, between, rest = text.strip().rpartition("://")
        *path, last = rest.split("/")
        model, _, tag = last.partition(":")
        namespace = path.pop() if path else "library"
        host = path.pop() if path else REGISTRY
        fits = PART.fullmatch(model) and PART.fullmatch(tag or "latest")
        if path or not (fits and NAMESPACE.fullmatch(namespace) and HOST.fullmatch(host)):
            return None
        return cls(model, tag or "latest", namespace, host, before if between else "https")

    @property
    def shown(self) -> str:
        """As lists show it: without what is the default, but always with its tag."""
        host = "" if self.host == REGISTRY else f"{self.host}/"
        namespace = "" if not host and self.namespace == "library" else f"{self.namespace}/"
        return f"{host}{namespace}{self.model}:{self.tag}"

    @property
    def full(self) -> str:
        """With every part of it."""
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"


@dataclass(frozen=True)
class Model:
    """What a model is, can and says.

    ``reply`` and ``thinking`` are texts, or the tokens of one where its very pieces matter.
    """

    name: str
    capabilities: tuple[str, ...] = ("embedding",)
    dim: int = 128
    context_length: int = 2048  # tokens it was made for; 0: its file does not say
    num_ctx: int | None = None  # of its Modelfile
    family: str = ""
    parameters: int = 1_100_000
    quantization: str = "F16"
    template: str = "{{ .Prompt }}"
    system: str = ""
    native: bool = False  # renders prompts with the Jinja template of its file (0.30 on)
    causal: bool = False  # an embedder made of a language model
    wordpiece: bool = True  # an embedder with BERT's own tokenizer
    special_tokens: int = 2  # around a text to embed
    blocks: int = 2
    kv_dim: int = 0  # numbers of a key or a value; 0: as many as ``dim``
    vocabulary: int = 6000
    weights: str = ""  # two models of the same weights give the same vectors
    nan: str = ""  # a word for which its vectors are not numbers
    reply: str | tuple[str, ...] = ""  # "": quotes the sources in its prompt
    thinking: str | tuple[str, ...] = ""
    thinks_always: bool = False  # its template knows nothing of ``think: false``
    tool_call: tuple[str, Mapping[str, Any]] | None = None  # its name and arguments
    endless: bool = False  # begins again at the end of its reply
    is_damaged: bool = False  # its file lost its second half
    keys_sorted: bool = False  # its file was converted by Ollama, which sorts the keys
    facts: Mapping[str, Any] = field(default_factory=dict)  # more of ``model_info``
    remote_host: str = field(default="", repr=False)  # the server that runs it; no part of a digest

    def __post_init__(self) -> None:
        if Name.parse(self.name) is None:
            raise ValueError(f"{self.name!r} is no name of a model")

    @property
    def embeds(self) -> bool:
        return "embedding" in self.capabilities

    @property
    def chats(self) -> bool:
        return "completion" in self.capabilities

    @property
    def architecture(self) -> str:
        return self.family or ("bert" if self.embeds else "llama")

    @property
    def shown(self) -> str:
        return name_of(self.name).shown

    @property
    def digest(self) -> str:
        """Digest of its manifest, whatever it is called here."""
        manifest = f"{self.blob} {replace(self, name='it')!r}"
        return hashlib.sha256(manifest.encode()).hexdigest()

    @property
    def blob(self) -> str:
        """Digest of the file of its weights."""
        return hashlib.sha256(f"weights of {self.weights or self.shown}".encode()).hexdigest()

    @property
    def file_bytes(self) -> int:
        return 2 * self.parameters + 150_000


def name_of(text: str) -> Name:
    """Return a name that is known to be one."""
    name = Name.parse(text)
    if name is None:
        raise ValueError(f"{text!r} is no name of a model")
    return name


class Store:
    """Models by name, whatever the case of its letters; the newest first."""

    def __init__(self, models: Iterable[Model] = ()) -> None:
        self._models: dict[str, Model] = {}
        for model in models:
            self.add(model)

    def __iter__(self) -> Iterator[Model]:
        return reversed(list(self._models.values()))

    def __len__(self) -> int:
        return len(self._models)

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    def __getitem__(self, name: str) -> Model:
        model = self.find(name)
        if model is None:
            raise KeyError(name)
        return model

    def find(self, name: str) -> Model | None:
        parsed = Name.parse(name)
        return None if parsed is None else self._models.get(parsed.full.lower())

    def find_exact(self, name: str) -> Model | None:
        """Find a model by its name in just these letters, as /api/embeddings does."""
        model, parsed = self.find(name), Name.parse(name)
        same = model and parsed and name_of(model.name).full == parsed.full
        return model if same else None

    def add(self, model: Model) -> None:
        key = name_of(model.name).full.lower()
        self._models.pop(key, None)
        self._models[key] = model

    def remove(self, name: str) -> None:
        del self._models[name_of(self[name].name).full.lower()]

    def clear(self) -> None:
        self._models.clear()


CHAT_TEMPLATE = "{{- range .Messages }}<|{{ .Role }}|>{{ .Content }}{{ end }}<|assistant|>"
THINK_TEMPLATE = CHAT_TEMPLATE.replace(
    "{{ .Content }}", "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}"
)

# What people have: the embedders that ragkit knows of, and chat models of each kind.
USUAL = (
    Model(
        "llava",
        ("completion", "vision"),
        dim=4096,
        context_length=32768,
        parameters=7_000_000_000,
        quantization="Q4_0",
        template=CHAT_TEMPLATE,
        vocabulary=32000,
        blocks=32,
    ),
    Model(
        "qwen3",
        ("completion", "tools", "thinking"),
        dim=2560,
        context_length=40960,
        family="qwen3",
        parameters=4_000_000_000,
        quantization="Q4_K_M",
        template=THINK_TEMPLATE,
        thinking="The sources say it.",
        vocabulary=151_936,
        blocks=36,
        kv_dim=1024,
    ),
    Model(
        "llama3.2",
        ("completion", "tools"),
        dim=3072,
        context_length=131_072,
        parameters=3_200_000_000,
        quantization="Q4_K_M",
        template=CHAT_TEMPLATE,
        vocabulary=128_256,
        blocks=28,
        kv_dim=1024,
    ),
    Model(
        "qwen3-embedding",
        dim=1024,
        context_length=32768,
        family="qwen3",
        parameters=596_000_000,
        quantization="Q8_0",
        causal=True,
        wordpiece=False,
        special_tokens=1,
        vocabulary=151_669,
        blocks=28,
    ),
    Model(
        "embeddinggemma",
        dim=768,
        context_length=2048,
        family="gemma3",
        parameters=307_000_000,
        quantization="BF16",
        wordpiece=False,
        vocabulary=262_144,
        blocks=24,
    ),
    Model(
        "bge-m3",
        dim=1024,
        context_length=8192,
        parameters=567_000_000,
        wordpiece=False,
        vocabulary=250_002,
        blocks=24,
    ),
    Model(
        "all-minilm",
        dim=384,
        context_length=512,
        num_ctx=256,
        parameters=23_000_000,
        vocabulary=30_522,
        blocks=6,
    ),
    Model(
        "nomic-embed-text",
        dim=768,
        context_length=2048,
        num_ctx=8192,
        family="nomic-bert",
        parameters=137_000_000,
        vocabulary=30_522,
        blocks=12,
    ),
)
