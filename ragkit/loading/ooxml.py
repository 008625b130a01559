"""What docx, pptx and xlsx have in common: relations of parts, properties, drawings' text."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ragkit.loading.packed import Packed
from ragkit.loading.raised import Raised, joined
from ragkit.loading.writing import Writer, cells, tags
from ragkit.loading.xmltree import child, each, local, value, whole, words

PROPERTIES = {  # of docProps/core.xml
    "creator": "author",
    "modified": "date",
    "created": "created",
    "description": "description",
    "language": "language",
    "subject": "subject",
    "category": "category",
    "lastModifiedBy": "modified-by",
}
DEEPEST = 8  # level of a paragraph that a program would write
FEW = 200  # properties of the user's own that are kept


@dataclass(frozen=True, slots=True)
class Relation:
    """What a part leads to."""

    kind: str  # "slide", "notesSlide", "comments" and so on
    target: str  # a member's name; "" if it lies outside


def relations(package: Packed, part: str) -> dict[str, Relation]:
    """Return a part's relations by their id; the whole document's for ""."""
    folder, name = posixpath.split(part)
    root = package.xml_or_none(posixpath.join(folder, "_rels", f"{name}.rels"))
    found = {}
    for one in root if root is not None else ():
        kind, target = value(one, "Type").rpartition("/")[2], value(one, "Target")
        if value(one, "TargetMode") == "External":
            target = ""
        elif not target.startswith("/"):
            target = posixpath.normpath(posixpath.join(folder, target))
        found[value(one, "Id")] = Relation(kind, target.lstrip("/"))
    return found


def related(package: Packed, part: str, *kinds: str) -> list[str]:
    """Return the parts of some kinds that a part leads to, as far as they are there."""
    found = relations(package, part).values()
    targets = (one.target for one in found if one.kind in kinds and one.target in package)
    return list(dict.fromkeys(targets))


def main_part(package: Packed, usual: str) -> str:
    """Return the part that holds the document itself."""
    return next(iter(related(package, "", "officeDocument")), usual)


def properties(package: Packed) -> tuple[str, list[tuple[str, str]]]:
    """Return the title and the fields that a document's properties state."""
    title, fields, keywords = "", [], []
    for part in related(package, "", "core-properties") or ["docProps/core.xml"]:
        root = package.xml_or_none(part)
        for one in root if root is not None else ():
            name, text = local(one.tag), words(one)
            if name == "title":
                title = text
            elif name == "keywords":
                keywords = tags(text)
            elif name in PROPERTIES:
                fields.append((PROPERTIES[name], text))
    for part in related(package, "", "custom-properties"):
        own = [(value(one, "name"), words(one)) for one in package.xml(part)]
        fields += own[:FEW]
    return title, [*fields, *keywords]


def paragraphs(body: Element) -> Iterator[tuple[int, str]]:
    """Yield the level and text of each paragraph of a drawing's text."""
    for one in each(body, "p"):
        parts = []
        piece: type[str] = str
        for node in one.iter():
            name = local(node.tag)
            if name == "rPr":
                piece = Raised if whole(value(node, "baseline").rstrip("%"), 0) > 0 else str
            elif name in ("r", "fld"):
                piece = str
            elif name == "t":
                parts.append(piece(node.text or ""))
            elif name in ("br", "tab"):
                parts.append("\n" if name == "br" else "\t")
        marks = child(one, "pPr")
        level = whole(value(marks, "lvl"), 0) if marks is not None else 0
        yield min(level, DEEPEST), joined(parts)


def chart_or_diagram(package: Packed, part: str, writer: Writer) -> None:
    """Write what the charts and diagrams of a part say, each as a block of lines."""
    for name in related(package, part, "chart", "chartEx"):
        _chart(package.xml(name), writer)
    for name in related(package, part, "diagramData"):
        for _, text in paragraphs(package.xml(name)):
            writer.line(" ".join(text.split()))
        writer.end()


def _chart(root: Element, writer: Writer) -> None:
    """Write a chart: its titles, then a row for each series with its stored values."""
    for text in root.iter():
        if local(text.tag) in ("title", "tx") and (rich := child(text, "rich")) is not None:
            writer.line(" ".join(text for _, text in paragraphs(rich)))
    for series in each(root, "ser"):
        row = []
        for part in ("tx", "cat", "val", "xVal", "yVal", "bubbleSize"):
            found = child(series, part)
            row += [words(one) for one in each(found, "v")] if found is not None else []
        writer.line(cells(row))
    for series in each(root, "chartData"):  # charts of newer kinds
        writer.line(cells(words(one) for one in each(series, "pt")))
    writer.end()


def alternative(picture: Element | None) -> str:
    """Return the words that describe a picture or shape, from its properties, "" if none do."""
    if picture is None:
        return ""
    return " ".join(f"{value(picture, 'title')} {value(picture, 'descr')}".split())
