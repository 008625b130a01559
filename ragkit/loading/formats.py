"""Each file's text by its type: what reads which.

To add a type: a row of ``FORMATS``, and a function in its family's file, which is imported when a
file of the type is read. A file is of the type that its suffix stands for, unless its content says
otherwise (``kinds``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from types import MappingProxyType

from ragkit.loading.code import LANGUAGES, code
from ragkit.loading.ole import refused
from ragkit.types import Document


@dataclass(frozen=True, slots=True)
class Format:
    """A type of files and what reads them."""

    type: str
    suffixes: str  # without their dots
    read: Callable[[bytes], Document]
    is_text: bool = True  # what has zero bytes is of another type


def _in(file: str, name: str = "") -> Callable[..., Document]:
    """Return a loader of another file: the one of that name, or of the file's."""

    def read(*given: object) -> Document:
        loader = getattr(import_module(f"ragkit.loading.{file}"), name or file)
        document: Document = loader(*given)
        return document

    return read


def _text(read: Callable[[str, tuple[str, ...]], Document]) -> Callable[[bytes], Document]:
    """Return a loader that decodes first."""

    def decoding(data: bytes) -> Document:
        from ragkit.loading.decoding import decode

        return read(*decode(data))

    return decoding


def _plain(kind: str) -> Callable[[bytes], Document]:
    """Return a loader that takes a text as it stands."""
    return _text(lambda text, notes: Document(text, kind, notes=notes))


def _page(data: bytes) -> Document:
    from ragkit.loading.declared import decode_page
    from ragkit.loading.webpage import webpage

    return webpage(*decode_page(data))


def _xml(data: bytes) -> Document:
    """Return XML as it stands, in the encoding that it says it is in."""
    from ragkit.loading.declared import decode_page

    text, notes = decode_page(data)
    return Document(text, "xml", notes=notes)


FORMATS = (
    Format("text", "txt text log", _plain("text")),
    Format("xml", "xml xsd xsl xslt rss atom plist svg", _xml),
    *(
        Format(kind, suffixes, _text(partial(code, kind)))
        for kind, (suffixes, _) in LANGUAGES.items()
    ),
    Format("markdown", "md markdown mdx mkd", _text(_in("markup", "markdown"))),
    Format("wiki", "wiki mediawiki wikitext", _text(_in("markup", "wiki"))),
    Format("rst", "rst", _text(_in("markup", "restructured"))),
    Format("csv", "csv tsv tab", _text(_in("tabular", "table"))),
    Format("json", "json jsonc geojson webmanifest", _text(_in("json_text", "json_paths"))),
    Format("jsonl", "jsonl ndjson", _text(_in("json_text", "json_lines"))),
    Format("yaml", "yaml yml", _text(_in("keyed", "yaml_paths"))),
    Format("toml", "toml", _text(_in("keyed", "toml_paths"))),
    Format("ini", "ini cfg conf", _text(_in("keyed", "ini_sections"))),
    Format("eml", "eml mht mhtml", _in("mail"), is_text=False),
    Format("mbox", "mbox", _in("mail", "mailbox"), is_text=False),
    Format("ipynb", "ipynb", _text(_in("notebook"))),
    Format("srt", "srt", _text(_in("subtitles", "srt"))),
    Format("vtt", "vtt", _text(_in("subtitles", "vtt"))),
    Format("html", "html htm xhtml", _page),
    Format("pdf", "pdf", _in("pdf"), is_text=False),
    Format("docx", "docx docm dotx dotm", _in("docx"), is_text=False),
    Format("xlsx", "xlsx xlsm xltx xltm", _in("xlsx"), is_text=False),
    Format("pptx", "pptx pptm ppsx ppsm potx potm", _in("pptx"), is_text=False),
    Format("odt", "odt ott", partial(_in("opendocument"), "odt"), is_text=False),
    Format("ods", "ods ots", partial(_in("opendocument"), "ods"), is_text=False),
    Format("odp", "odp otp", partial(_in("opendocument"), "odp"), is_text=False),
    Format("epub", "epub", _in("epub"), is_text=False),
    Format("rtf", "rtf", _in("rtf"), is_text=False),
    Format("xls", "xls xlt", _in("xls"), is_text=False),
    Format("doc", "doc dot", refused("doc"), is_text=False),
    Format("ppt", "ppt pps", refused("ppt"), is_text=False),
    Format("xlsb", "xlsb", refused("xlsb"), is_text=False),
    Format("encrypted", "", refused("encrypted"), is_text=False),
)
READERS = {row.type: row for row in FORMATS}
SUFFIXES = {f".{suffix}": row.type for row in FORMATS for suffix in row.suffixes.split()}
BINARY_SUFFIXES = frozenset(  # what has a row above is opened all the same
    f".{suffix}"
    for suffix in (
        "png jpg jpeg gif bmp webp ico tif tiff heic avif psd mp3 wav flac ogg m4a aac mp4 mkv avi "
        "mov webm wmv zst 7z rar jar war exe dll so dylib a o obj class pyc "
        "pyo wasm bin dat iso dmg deb rpm apk ttf otf woff woff2 eot sqlite sqlite3 db mdb parquet "
        "feather npy npz pkl pt pth onnx gguf safetensors h5 faiss mobi"
    ).split()
    if f".{suffix}" not in SUFFIXES
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
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office file of before 2007"),
)
BUILT_IN: Mapping[str, Callable[[bytes], Document]] = MappingProxyType({})
LOOKED_AT = 8192  # bytes at the beginning


def document_type(suffix: str) -> str:
    """Return the type that a suffix stands for.

    >>> document_type(".md"), document_type(".py"), document_type(".unheard-of")
    ('markdown', 'code/python', 'text')
    """
    return SUFFIXES.get(suffix.lower(), "text")


def told_type(data: bytes, *, suffix: str) -> str:
    """Return the type that a file is read as: by its content where its suffix lies or is none.

    >>> told_type(b"%PDF-1.7", suffix=".txt"), told_type(b"#!/usr/bin/env python3", suffix="")
    ('pdf', 'code/python')
    """
    from ragkit.loading import kinds

    named = SUFFIXES.get(suffix.lower(), "text")
    told = kinds.by_magic(data)
    if told and told in READERS:
        return told
    if named == "text":
        told = kinds.by_text(data) or SUFFIXES.get(f".{kinds.interpreter(data)}", "")
    elif named == "markdown":
        told = "html" if kinds.is_page(data) else ""
    elif not READERS[named].is_text:
        told = kinds.by_text(data)
    return told if told in READERS else named


def is_binary(data: bytes, *, suffix: str) -> str:
    r"""Return why ``data`` is no text, "" if it may be one, or is of a type that is read.

    >>> is_binary(b"PK\x03\x04...", suffix=".txt"), is_binary(b"text", suffix=".txt")
    ('binary: a ZIP archive', '')
    """
    if not READERS[told_type(data, suffix=suffix)].is_text:
        return ""
    from ragkit.loading.decoding import MARKS, wide_without_mark

    for magic, name in MAGICS:
        if data.startswith(magic):
            return f"binary: {name}"
    marked = any(data.startswith(mark) for mark, _ in MARKS)
    if b"\0" in data[:LOOKED_AT] and not marked and not wide_without_mark(data):
        return "binary: it has zero bytes"
    return ""


def load(
    data: bytes, *, suffix: str, instead: Mapping[str, Callable[[bytes], Document]] = BUILT_IN
) -> Document:
    """Return the document in ``data``. Nothing in it depends on the file's name but the suffix.

    A suffix that says something else than the content is told in a note.

    Args:
        data: the file's bytes.
        suffix: of its name.
        instead: what reads files of a type instead of the function of this package.

    Raises:
        LoadError: it cannot be read, with the stage it came to.
    """
    kind = told_type(data, suffix=suffix)
    document = instead.get(kind, READERS[kind].read)(data)
    named = SUFFIXES.get(suffix.lower(), kind)
    if named == kind:
        return document
    return replace(
        document,
        notes=(f"read as {kind}, as its content is: its name says {named}", *document.notes),
    )
