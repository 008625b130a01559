"""The text of an e-book, chapter by chapter in the order in which it is read."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from ragkit.errors import LoadError
from ragkit.loading.declared import decode_page
from ragkit.loading.packed import Packed
from ragkit.loading.webpage import webpage
from ragkit.loading.writing import Writer, counted
from ragkit.loading.xmltree import NotXmlError, child, each, local, parsed, value, words
from ragkit.types import Document, Heading

WHAT = "an e-book"
PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/xml")
FIELDS = {
    "creator": "author", "contributor": "contributor", "date": "date", "subject": "tag",
    "description": "description", "language": "language", "publisher": "publisher",
    "identifier": "identifier",
}  # fmt: skip
NCX = "application/x-dtbncx+xml"
MOST_CHAPTERS = 5_000
FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def epub(data: bytes) -> Document:
    """Return an e-book: its chapters under the titles that its table of contents gives them.

    Raises:
        LoadError: it is encrypted, damaged or too large.
    """
    try:
        return _read(Packed(data, WHAT))
    except RecursionError as error:
        raise LoadError("its parts are nested too deeply", stage="parse") from error


def _read(package: Packed) -> Document:
    _refuse_encrypted(package)
    roots = each(package.xml("META-INF/container.xml"), "rootfile")
    part = next((value(one, "full-path") for one in roots), "")
    book = package.xml(part)
    folder = posixpath.dirname(part)
    items = {value(one, "id"): one for one in each(book, "item")}
    parts = {name: _joined(folder, value(one, "href")) for name, one in items.items()}
    spine = child(book, "spine")
    writer = Writer()
    toc = value(spine, "toc") if spine is not None else ""
    titles = _contents(package, items, parts, toc, writer.notes)
    read = [value(one, "idref") for one in (spine if spine is not None else ())]
    for name in read[:MOST_CHAPTERS]:
        if name not in items or parts[name] not in package:
            writer.notes.append(f"chapter {parts.get(name, name)} is missing in the file")
        elif value(items[name], "media-type") not in PAGES:
            writer.lost["chapter| is no text"] += 1
        else:
            _chapter(package, parts[name], titles, writer)
    if len(read) > MOST_CHAPTERS:
        writer.notes.append(f"{counted(len(read) - MOST_CHAPTERS, 'chapter')} left out: too many")
    beside = [name for name, item in items.items() if name not in read and _is_page(item)]
    for name in beside[: max(MOST_CHAPTERS - len(read), 0)]:
        if parts[name] in package:
            writer.lost["page| that its order does not name is read last"] += 1
            _chapter(package, parts[name], titles, writer)
    if not read:
        writer.notes.append("the book lists no chapters")
    title, fields = _properties(book)
    return writer.document("epub", title=title, fields=fields)


def _is_page(item: Element) -> bool:
    """Say whether an item is a page of the book, and not its table of contents."""
    is_page = value(item, "media-type") in PAGES
    return is_page and "nav" not in value(item, "properties").split()


def _refuse_encrypted(package: Packed) -> None:
    """Refuse a book whose text is encrypted; fonts often are, and of no concern."""
    root = package.xml_or_none("META-INF/encryption.xml")
    found = each(root, "EncryptionMethod") if root is not None else ()
    if any(value(one, "Algorithm") not in FONTS for one in found):
        raise LoadError(
            "the book is encrypted (protected against copying)",
            stage="decode",
            hint="get a copy that is not",
        )


def _joined(folder: str, link: str) -> str:
    """Return the member that a link in a folder leads to."""
    return posixpath.normpath(posixpath.join(folder, unquote(link.partition("#")[0])))


def _contents(
    package: Packed, items: dict[str, Element], parts: dict[str, str], toc: str, notes: list[str]
) -> dict[str, tuple[int, str]]:
    """Return level and title of each chapter that the table of contents names, by its member.

    A book has one in the old form (ncx), in the new one (a page), or both. One that is no XML gives
    no titles, which is told: the chapters have headings of their own.
    """
    found: dict[str, tuple[int, str]] = {}
    for name, item in items.items():
        if parts[name] not in package:
            continue
        is_page = "nav" in value(item, "properties").split()
        if not is_page and name != toc and value(item, "media-type") != NCX:
            continue
        try:
            tree = _page_tree(package, parts[name])
        except NotXmlError as error:
            notes.append(f"a table of contents gives no titles: {error.message}")
            continue
        folder = posixpath.dirname(parts[name])
        for level, link, title in (_linked if is_page else _points)(tree, 0):
            found.setdefault(_joined(folder, link), (level, title))
    return found


def _page_tree(package: Packed, name: str) -> Element:
    """Return a member's tree, without the harmless document type that these declare."""
    return parsed(without_document_type(package.read(name)), name)


def without_document_type(data: bytes) -> bytes:
    """Return XML without a document type that names no entities of its own.

    >>> without_document_type(b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "a" "b"><html/>')
    b'<?xml version="1.0"?><html/>'
    >>> without_document_type(b'<!DOCTYPE a [<!ENTITY b "c">]><a/>')
    b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'
    """
    start = data.find(b"<!DOCTYPE", 0, 2000)
    end = data.find(b">", start)
    if start < 0 or end < 0 or b"[" in data[start:end]:
        return data
    return data[:start] + data[end + 1 :]


def _linked(element: Element, depth: int) -> Iterator[tuple[int, str, str]]:
    """Yield (level, link, title) of the links of a table of contents that is a page."""
    for one in element:
        name = local(one.tag)
        if name == "a":
            yield max(depth, 1), value(one, "href"), words(one)
        else:
            yield from _linked(one, depth + (name == "ol"))


def _points(element: Element, depth: int) -> Iterator[tuple[int, str, str]]:
    """Yield (level, link, title) of the points of a table of contents in the old form."""
    for one in element:
        if local(one.tag) == "navPoint":
            content = child(one, "content")
            link = value(content, "src") if content is not None else ""
            yield depth + 1, link, words(child(one, "navLabel"))
            yield from _points(one, depth + 1)
        elif local(one.tag) == "navMap":
            yield from _points(one, depth)


def _chapter(
    package: Packed, name: str, titles: dict[str, tuple[int, str]], writer: Writer
) -> None:
    """Write a chapter below its title, which is its first heading, or stands over all of them."""
    text, notes = decode_page(package.read(name))
    page = webpage(text, notes)
    writer.notes += [f"{posixpath.basename(name)}: {note}" for note in page.notes]
    level, title = titles.get(name, (1, "" if page.headings else page.title))
    headings = page.headings
    first = headings[0] if headings else None
    begins = first is not None and not page.text[: first.start].strip()
    if first is not None and begins and (not title or first.title == title):
        shift = level - first.level
    else:
        shift = level
    moved = [Heading(h.start, max(h.level + shift, level), h.title) for h in headings]
    if title and not (begins and first is not None and first.title == title):
        moved.insert(0, Heading(0, level, title))
    writer.embed(replace(page, headings=tuple(moved)))


def _properties(book: Element) -> tuple[str, list[tuple[str, str]]]:
    title, fields = "", []
    metadata = child(book, "metadata")
    for one in metadata.iter() if metadata is not None else ():
        name = local(one.tag)
        if name == "title":
            title = title or words(one)
        elif name == "meta" and value(one, "property") == "dcterms:modified":
            fields.append(("modified", words(one)))
        elif name in FIELDS:
            own = value(one, "event") if name == "date" else ""
            fields.append(("created" if own == "creation" else FIELDS[name], words(one)))
    return title, fields
