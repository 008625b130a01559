"""The text of a presentation: a slide is a page, its title a heading, its notes below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ragkit.errors import LoadError
from ragkit.loading.ooxml import (
    alternative,
    chart_or_diagram,
    main_part,
    paragraphs,
    properties,
    related,
    relations,
)
from ragkit.loading.packed import Packed
from ragkit.loading.writing import Writer, cells
from ragkit.loading.xmltree import child, each, local, value
from ragkit.types import Document

WHAT = "a presentation"
TITLES = ("title", "ctrTitle")
REPEATED = ("dt", "ftr", "hdr")  # what stands on each slide
GROUPS = ("grpSp", "spTree", "AlternateContent", "Choice")


def pptx(data: bytes) -> Document:
    """Return a presentation: slides in the order in which they are shown, hidden ones too.

    Raises:
        LoadError: it is encrypted, damaged or too large.
    """
    try:
        return _Reader(Packed(data, WHAT)).document()
    except RecursionError as error:
        raise LoadError("its parts are nested too deeply", stage="parse") from error


class _Reader:
    def __init__(self, package: Packed) -> None:
        self.package = package
        self.part = main_part(package, "ppt/presentation.xml")
        self.writer = Writer()
        self.repeated: Counter[str] = Counter()  # footers by their text
        self.authors = {
            value(one, "id"): value(one, "name")
            for part in related(package, self.part, "commentAuthors", "authors")
            for one in package.xml(part)
        }

    def document(self) -> Document:
        title, fields = properties(self.package)
        parts = relations(self.package, self.part)
        listed = child(self.package.xml(self.part), "sldIdLst")
        layouts: dict[str, None] = {}
        blank = []
        slides = listed if listed is not None else ()
        for number, one in enumerate(slides, 1):
            self.writer.page()
            relation = parts.get(_relation_id(one))
            if relation is None or relation.target not in self.package:
                self.writer.notes.append(f"slide {number} is missing in the file")
            else:
                self.slide(relation.target, number)
                layouts |= dict.fromkeys(related(self.package, relation.target, "slideLayout"))
            if self.writer.length == self.writer.page_starts[-1]:
                blank.append(number)
        self.behind(layouts)
        if any("vbaproject" in name for name in self.package.names()):
            self.writer.notes.append("its macros are neither run nor read")
        return self.writer.document(
            "pptx", title=title, fields=fields, pages_without_text=tuple(blank)
        )

    def slide(self, part: str, number: int) -> None:
        root = self.package.xml(part)
        if value(root, "show") in ("0", "false"):
            self.writer.notes.append(f"slide {number} is hidden, and read too")
        shapes = [*_shapes(root)]
        # What it is about comes first, wherever its box stands.
        for shape in sorted(shapes, key=lambda one: _placeholder(one) not in TITLES):
            self.shape(shape)
        chart_or_diagram(self.package, part, self.writer)
        for notes in related(self.package, part, "notesSlide"):
            written = False
            for shape in _shapes(self.package.xml(notes)):
                text = _text(shape)
                if _placeholder(shape) in ("sldImg", "sldNum", *REPEATED) or not text.strip():
                    continue
                self.writer.block(text if written else f"Notes: {text}")
                written = True
        for comments in related(self.package, part, "comments"):
            self.comments(self.package.xml(comments))

    def shape(self, shape: Element) -> None:
        kind = _placeholder(shape)
        if local(shape.tag) == "graphicFrame":
            for row in each(shape, "tr"):
                self.writer.line(cells(" ".join(_plain(c)) for c in row if local(c.tag) == "tc"))
            self.writer.end()
        elif local(shape.tag) == "pic":
            told = alternative(child(shape, "nvPicPr", "cNvPr"))
            self.writer.block(told)
            if not told:
                self.writer.lost["picture| has no text"] += 1
        elif kind in REPEATED:
            text = _text(shape).strip()
            if not self.repeated[text]:
                self.writer.block(text)
            elif text:
                self.writer.lost["repeated footer| is left out"] += 1
            self.repeated[text] += 1
        elif kind != "sldNum":
            self.writer.block(_text(shape), heading=int(kind in TITLES))

    def comments(self, root: Element) -> None:
        for one in root.iter():
            if local(one.tag) not in ("cm", "reply"):
                continue
            body = child(one, "txBody")
            inner = child(one, "text")
            text = " ".join(_plain(body)) if body is not None else ""
            text = text or ((inner.text or "") if inner is not None else "")
            author = self.authors.get(value(one, "authorId"), "")
            if text.strip():
                told = " ".join(text.split())
                self.writer.block(f"[Comment{f' by {author}' if author else ''}: {told}]")

    def behind(self, layouts: dict[str, None]) -> None:
        """Say what text the slides' masters show behind them."""
        masters = {
            name: None for one in layouts for name in related(self.package, one, "slideMaster")
        }
        texts = {
            " ".join(_text(shape).split()): None
            for name in (*layouts, *masters)
            for shape in _shapes(self.package.xml(name))
            if local(shape.tag) == "sp" and not _placeholder(shape)
        }
        if shown := [text for text in texts if text]:
            self.writer.notes.append(
                f"behind the slides stands, and is left out: {'; '.join(shown)}"
            )


def _shapes(parent: Element) -> Iterator[Element]:
    """Yield the shapes that stand for themselves, those of groups too."""
    for one in parent:
        name = local(one.tag)
        if name in ("sp", "pic", "graphicFrame"):
            yield one
        elif name in GROUPS or name == "cSld":
            yield from _shapes(one)


def _placeholder(shape: Element) -> str:
    """Return what a shape is for: "title", "body", "ftr" and so on; "" if it is a free one."""
    for part in shape:
        if local(part.tag).startswith("nv"):
            found = child(part, "nvPr", "ph")
            return value(found, "type", "body") if found is not None else ""
    return ""


def _text(shape: Element) -> str:
    """Return a shape's paragraphs, a line each, points below others set in."""
    body = child(shape, "txBody")
    if body is None:
        return ""
    return "\n".join(
        f"{'  ' * level}- {text}" if level else text
        for level, text in paragraphs(body)
        if text.strip()
    )


def _plain(body: Element) -> list[str]:
    return [text for _, text in paragraphs(body)]


def _relation_id(element: Element) -> str:
    """Return a slide's relation; it has an "id" without a namespace as well."""
    return next((found for key, found in element.attrib.items() if key.endswith("}id")), "")
