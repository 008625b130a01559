"""XML of strangers: no document type, so no entities; a bound on how much a tree may hold.

Names are taken without their namespaces: the same elements have other namespaces in other editions
of the office formats ("strict" and "transitional"), and hardly ever another meaning.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from typing import IO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from ragkit.errors import LoadError

MOST_TAGS = 6_000_000  # a tree of so many needs some 600 MB
PIECE = 65_536


class NotXmlError(LoadError):
    """Not well-formed."""


class _Begun(Exception):  # noqa: N818 - the first element is reached, which is no error
    pass


def refuse_declarations(stream: IO[bytes], name: str) -> None:
    """Read until the first element; behind it nothing can be declared any more.

    A public document type that declares nothing itself, as older programs write, is harmless: what
    it leads to is never fetched.

    Raises:
        LoadError: a document type is declared, or this is no XML.
    """

    def declared(_: str, __: str | None, public: str | None, declares: int) -> None:
        if public and not declares:
            return
        raise LoadError(
            f"{name} declares a document type, which could hold entities: it is not read",
            stage="parse",
        )

    def begun(*_: object) -> None:
        raise _Begun

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = declared
    parser.StartElementHandler = begun
    try:
        while piece := stream.read(PIECE):
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except _Begun:
        return
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise not_xml(name, error) from error


def parsed(data: bytes, name: str) -> Element:
    """Return the tree of ``data``.

    Raises:
        LoadError: it is no XML, declares a document type, or is too large for a tree.
    """
    refuse_declarations(io.BytesIO(data), name)
    if data.count(b"<") > MOST_TAGS:
        raise LoadError(f"{name} has more than {MOST_TAGS:,} tags", stage="parse")
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise not_xml(name, error) from error


def not_xml(name: str, error: Exception) -> NotXmlError:
    """Return the error of a part that is not well-formed."""
    return NotXmlError(f"{name} is not well-formed: {error}", stage="parse", hint="is it complete?")


@lru_cache(4096)
def local(tag: object) -> str:
    """Return a name without its namespace; a comment's or an instruction's is "".

    >>> local("{urn:x}p"), local("p")
    ('p', 'p')
    """
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def value(element: Element, name: str, default: str = "") -> str:
    """Return an attribute by its name without namespace."""
    found = element.get(name)
    if found is not None:
        return found
    end = "}" + name
    return next((v for key, v in element.attrib.items() if key.endswith(end)), default)


def whole(text: str, default: int, *, digits: int = 9) -> int:
    """Return a number that a file states, the default if it is none or has too many digits.

    >>> whole("12", 0), whole("-1", 0), whole("9" * 5000, 1)
    (12, 0, 1)
    """
    return int(text) if text.isdecimal() and len(text) <= digits else default


def child(element: Element | None, *path: str) -> Element | None:
    """Return the first child of a name, of that the first of the next name, and so on."""
    for name in path:
        if element is None:
            return None
        element = next((one for one in element if local(one.tag) == name), None)
    return element


def each(element: Element, name: str) -> Iterator[Element]:
    """Yield all elements of a name at any depth, in order."""
    return (one for one in element.iter() if local(one.tag) == name)


def words(element: Element | None) -> str:
    """Return all text in an element in one line, "" for None."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""
