"""Read files: what there is (``walk``), and each file's text by its type (``load``).

To add a type: a function and a row of ``SUFFIXES``.
"""

from __future__ import annotations

from contextlib import suppress

from ragkit.errors import LoadError
from ragkit.loading.decoding import MARKS, decode, wide_without_mark
from ragkit.loading.markup import markdown, restructured
from ragkit.loading.pdf import is_pdf, pdf
from ragkit.loading.reading import oversize, read
from ragkit.loading.webpage import declared_encoding, webpage
from ragkit.types import Document

CODE = (
    "py pyi js mjs cjs ts tsx jsx go rs java kt kts scala swift c h cc cpp cxx hpp hh cs m mm php "
    "rb pl pm lua r jl sh bash zsh fish ps1 bat sql css scss less vue svelte toml yaml yml json "
    "jsonl xml ini cfg conf properties gradle cmake proto graphql tf dart ex exs erl hs ml clj vim"
)
SUFFIXES = {
    **{f".{suffix}": "code" for suffix in CODE.split()},
    **dict.fromkeys((".md", ".markdown", ".mdx", ".mkd"), "markdown"),
    ".rst": "rst",
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    ".pdf": "pdf",
}
__all__ = ["BINARY_SUFFIXES", "document_type", "is_binary", "load", "oversize", "read"]
BINARY_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        "png jpg jpeg gif bmp webp ico tif tiff heic avif psd mp3 wav flac ogg m4a aac mp4 mkv avi "
        "mov webm wmv zst 7z rar jar war exe dll so dylib a o obj class pyc "
        "pyo wasm bin dat iso dmg deb rpm apk ttf otf woff woff2 eot sqlite sqlite3 db mdb parquet "
        "feather npy npz pkl pt pth onnx gguf safetensors h5 faiss docx pptx xlsx doc ppt xls odt "
        "ods odp epub mobi"
    ).split()
)
MAGICS = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"GGUF", "a model's weights"),
)
LOOKED_AT = 8192  # bytes at the beginning


def document_type(suffix: str) -> str:
    """Return the type that a suffix stands for.

    >>> document_type(".md"), document_type(".py"), document_type(".unheard-of")
    ('markdown', 'code', 'text')
    """
    return SUFFIXES.get(suffix.lower(), "text")


def is_binary(data: bytes, *, suffix: str) -> str:
    r"""Return why ``data`` is no text, "" if it may be one.

    >>> is_binary(b"PK\x03\x04...", suffix=".txt"), is_binary(b"text", suffix=".txt")
    ('binary: a ZIP archive', '')
    """
    if suffix == ".pdf" or is_pdf(data):
        return ""
    for magic, name in MAGICS:
        if data.startswith(magic):
            return f"binary: {name}"
    marked = any(data.startswith(mark) for mark, _ in MARKS)
    if b"\0" in data[:LOOKED_AT] and not marked and not wide_without_mark(data):
        return "binary: it has zero bytes"
    return ""


def load(data: bytes, *, suffix: str) -> Document:
    """Return the document in ``data``. Nothing in it depends on the file's name but the suffix.

    Raises:
        LoadError: it cannot be read, with the stage it came to.
    """
    kind = document_type(suffix)
    if is_pdf(data):
        return pdf(data)
    if kind == "pdf":
        raise LoadError("it is called .pdf but is no PDF", stage="parse", hint="is it complete?")
    if kind == "html":
        return webpage(*_decode_page(data))
    text, notes = decode(data)
    if kind == "markdown":
        return markdown(text, notes)
    if kind == "rst":
        return restructured(text, notes)
    return Document(text=text, type=kind, notes=notes)


def _decode_page(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Decode a page as it says it should be, unless it is UTF-8: nothing else is so by chance."""
    declared = declared_encoding(data)
    if declared and not any(data.startswith(mark) for mark, _ in MARKS):
        for encoding in (declared,) if data.isascii() else ("utf-8", declared):
            with suppress(UnicodeDecodeError):
                return data.decode(encoding), ()
    return decode(data)
