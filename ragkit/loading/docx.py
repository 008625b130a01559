"""The text of a Word document, as it is read on paper: nothing of it but deletions is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar
from xml.etree.ElementTree import Element

from ragkit.errors import LoadError
from ragkit.loading.formulas import formula
from ragkit.loading.numbering import LEVELS, Numbering, numbering
from ragkit.loading.ooxml import (
    alternative,
    chart_or_diagram,
    main_part,
    properties,
    related,
    relations,
)
from ragkit.loading.packed import Packed
from ragkit.loading.raised import Raised, joined
from ragkit.loading.writing import Writer, cells
from ragkit.loading.xmltree import child, each, local, value, whole, words
from ragkit.types import Document

T = TypeVar("T")
MOST_STEPS = 20  # from a style to the one it is based on, in case they go round
WHAT = "a Word document"
EQUATION = re.compile(r"\s*EQ\s+")
SWITCH = re.compile(r"\\\*\s*(?:\"[^\"]*\"|[\w:]+)\s*")  # how it looks
# What holds runs or blocks and adds nothing of its own.
THROUGH = frozenset(
    "hyperlink ins moveTo fldSimple smartTag customXml sdt sdtContent dir bdo rubyBase rt drawing "
    "graphic graphicData wsp wgp wpc grpSp txbx pict group shape rect roundrect oval textbox "
    "object line polyline r".split()
)
SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011", "ptab": "\t"}
MARKS = {
    "footnoteReference": "footnotes",
    "endnoteReference": "endnotes",
    "commentReference": "comments",
}


@dataclass(slots=True)
class _Styles:
    """What paragraph styles say of levels and lists."""

    level: dict[str, int] = field(default_factory=dict)  # by id; of a heading, from 1
    list: dict[str, tuple[str, int]] = field(default_factory=dict)  # (list's id, its level)


def docx(data: bytes) -> Document:
    """Return a Word document: headings by its styles, a line a list item or a table's row.

    Raises:
        LoadError: it is encrypted, damaged or too large.
    """
    package = Packed(data, WHAT)
    part = main_part(package, "word/document.xml")
    try:
        return _Reader(package, part).document()
    except RecursionError as error:
        raise LoadError("its parts are nested too deeply", stage="parse") from error


class _Reader:
    def __init__(self, package: Packed, part: str) -> None:
        self.package = package
        self.part = part
        self.writer = Writer()
        self.styles = _Styles()
        self.lists = Numbering()
        for name in related(package, part, "styles"):
            self.styles = _styles(package.xml(name))
        for name in related(package, part, "numbering"):
            self.lists = numbering(package.xml(name))
        self.asides: dict[str, dict[str, Element]] = {}  # "footnotes" -> id -> its blocks
        for kind in ("footnotes", "endnotes", "comments"):
            for name in related(package, part, kind):
                self.asides[kind] = {value(one, "id"): one for one in package.xml(name)}
        self.waiting: list[Element] = []  # boxes of text that stand beside the paragraph in hand
        self.noted: list[tuple[str, str]] = []  # (kind, id) of notes that it refers to
        self.told: set[tuple[str, str]] = set()
        self.is_equation: bool | None = False  # the field in hand
        self.described = 0  # drawings around the node in hand that have words of their own

    def document(self) -> Document:
        title, fields = properties(self.package)
        body = child(self.package.xml(self.part), "body")
        if body is None:
            raise LoadError(f"{WHAT} without a body", stage="parse", hint="is it complete?")
        self.running("header")
        self.blocks(body)
        chart_or_diagram(self.package, self.part, self.writer)
        self.running("footer")
        for kind in self.asides:  # comments on what is no text
            for one in [*self.asides[kind]]:
                self.noted.append((kind, one))
            self.asides_told()
        for relation in relations(self.package, self.part).values():
            if relation.kind in ("aFChunk", "subDocument", "package", "oleObject"):
                self.writer.lost["embedded file| is left out"] += 1
        if any("vbaproject" in name for name in self.package.names()):
            self.writer.notes.append("its macros are neither run nor read")
        return self.writer.document("docx", title=title, fields=fields)

    def running(self, kind: str) -> None:
        """Write headers or footers, each text once."""
        seen = set()
        for name in related(self.package, self.part, kind):
            root = self.package.xml(name)
            text = words(root)
            if text not in seen:
                seen.add(text)
                self.blocks(root)

    def blocks(self, parent: Element) -> None:
        """Write the paragraphs and tables in an element, however they are wrapped."""
        for block in parent:
            name = local(block.tag)
            if name == "p":
                self.paragraph(block)
            elif name == "tbl":
                self.table(block)
            elif name in ("del", "moveFrom"):
                self.deleted(block)
            elif name == "AlternateContent":
                self.blocks(_chosen(block))
            elif name in THROUGH:
                self.blocks(block)
            elif name in ("oMath", "oMathPara"):
                self.paragraph(_wrapped(block))

    def paragraph(self, paragraph: Element) -> None:
        marks = child(paragraph, "pPr")
        style = _stated(marks, "pStyle")
        level = self.styles.level.get(style, 0)
        outline = whole(_stated(marks, "outlineLvl"), -1)
        if outline >= 0:
            level = outline + 1 if outline < LEVELS else 0
        number, depth = self.styles.list.get(style, ("", 0))
        if (own := child(marks, "numPr")) is not None:
            number = _stated(own, "numId") or number
            depth = whole(_stated(own, "ilvl"), depth)
        text = joined(self.inline(paragraph)).strip(" ")
        if not text.strip():
            self.asides_told()
            return
        depth = min(depth, LEVELS - 1)
        mark = self.lists.mark(number, depth) if number else ""
        if level:
            self.writer.block(mark + text, heading=level)
        elif mark:
            self.writer.line("  " * depth + mark + text)
        else:
            self.writer.block(text)
        if self.noted or self.waiting:
            self.asides_told()

    def inline(self, parent: Element) -> Iterator[str]:
        """Yield the pieces of a paragraph's text; boxes and notes are kept for behind it."""
        for node in parent:
            name = local(node.tag)
            if name == "t":
                yield node.text or ""
            elif name in SIGNS:
                yield SIGNS[name]
            elif name == "r" and _stated(child(node, "rPr"), "vertAlign") == "superscript":
                yield from map(Raised, self.inline(node))
            elif (read := READS.get(name)) is not None:
                yield from read(self, node)

    def field(self, node: Element) -> Iterator[str]:
        """Yield what a field of a form, which stands where the field begins, is set to."""
        self.is_equation = None  # until its instruction is read
        data = child(node, "ffData")
        if (box := child(data, "checkBox")) is not None:
            stated = (child(box, "checked"), child(box, "default"))
            state = next((one for one in stated if one is not None), None)
            is_set = state is not None and value(state, "val", "1") not in ("0", "false", "off")
            yield "\u2612" if is_set else "\u2610"
        elif (choice := child(data, "ddList")) is not None:
            entries = [value(one, "val") for one in choice if local(one.tag) == "listEntry"]
            at = _stated(choice, "result") or _stated(choice, "default") or "0"
            if at.isdecimal() and len(at) < 6:
                yield "".join(entries[int(at) : int(at) + 1])

    def instruction(self, node: Element) -> Iterator[str]:
        """Yield what an equation field is made of: it is drawn, and has no text beside that."""
        said = node.text or ""
        if self.is_equation is None and said.strip():
            self.is_equation = bool(EQUATION.match(said))
            said = EQUATION.sub("", said)
        if self.is_equation:
            yield SWITCH.sub("", said)

    def lettering(self, node: Element) -> Iterator[str]:
        """Yield letters that are drawn, such as "DRAFT" behind a page."""
        if said := value(node, "string"):
            yield f" {said} "

    def note(self, node: Element) -> Iterator[str]:
        kind, one = MARKS[local(node.tag)], value(node, "id")
        self.noted.append((kind, one))
        if kind != "comments":
            yield _sign(kind, one)

    def deleted(self, _: Element) -> tuple[()]:
        self.writer.lost["tracked deletion| is left out"] += 1
        return ()

    def beside(self, node: Element) -> tuple[()]:
        self.waiting.append(node)
        return ()

    def chosen(self, node: Element) -> Iterator[str]:
        return self.inline(_chosen(node))

    def formula(self, node: Element) -> Iterator[str]:
        yield formula(node)

    def symbol(self, node: Element) -> Iterator[str]:
        """Yield a letter of a symbol font, which is known by its number alone."""
        try:
            code = int(value(node, "char"), 16)
        except ValueError:
            return
        if 0xE000 <= code <= 0xF8FF:
            self.writer.lost["letter| of a symbol font has no known meaning"] += 1
        else:
            yield chr(code)

    def drawing(self, node: Element) -> Iterator[str]:
        """Yield the words that stand for a drawing, then what it has of text."""
        told = alternative(child(node, "docPr"))
        if told:
            yield f" {told} "
        self.described += bool(told)
        yield from self.inline(node)
        self.described -= bool(told)

    def picture(self, node: Element) -> Iterator[str]:
        told = alternative(child(node, "nvPicPr", "cNvPr")) or alternative(node)
        if not told and not self.described:
            self.writer.lost["picture| has no text"] += 1
        yield f" {told} " if told and not self.described else ""

    def reading(self, ruby: Element) -> Iterator[str]:
        """Yield letters and, in brackets, how they are read."""
        for part, begin, end in (("rubyBase", "", ""), ("rt", "(", ")")):
            if (found := child(ruby, part)) is not None:
                yield begin
                yield from self.inline(found)
                yield end

    def asides_told(self) -> None:
        """Write the boxes, notes and comments that belong to the paragraph just written."""
        while self.waiting:
            waiting, self.waiting = self.waiting, []
            for box in waiting:
                self.blocks(box if local(box.tag) == "txbxContent" else _wrapped(box))
        noted, self.noted = self.noted, []
        for kind, one in noted:
            note = self.asides.get(kind, {}).get(one)
            if note is None or (kind, one) in self.told:
                continue
            self.told.add((kind, one))
            text = self.in_one_line(note)
            if kind == "comments" and text:
                author = value(note, "author")
                self.writer.block(f"[Comment{f' by {author}' if author else ''}: {text}]")
            elif text and value(note, "type") not in ("separator", "continuationSeparator"):
                self.writer.block(f"{_sign(kind, one)}: {text}")

    def in_one_line(self, parent: Element) -> str:
        """Return the text of blocks as a table's cell or a note has it."""
        found = []
        for block in parent:
            name = local(block.tag)
            if name == "p":
                marks = child(child(block, "pPr"), "numPr")
                mark = ""
                if marks is not None:
                    at = whole(_stated(marks, "ilvl"), 0)
                    mark = self.lists.mark(_stated(marks, "numId"), at)
                found.append(mark + joined(self.inline(block)))
            elif name == "tbl":
                found += [cells(row) for row in self.rows(block)]
            elif name in ("del", "moveFrom"):
                self.deleted(block)
            elif name == "AlternateContent" or name in THROUGH:
                inner = _chosen(block) if name == "AlternateContent" else block
                found.append(self.in_one_line(inner))
        return " ".join(" ".join(found).split())

    def table(self, table: Element) -> None:
        self.writer.end()
        for row in self.rows(table):
            self.writer.line(cells(row))
        self.writer.end()
        self.asides_told()

    def rows(self, table: Element) -> Iterator[list[str]]:
        """Yield the cells of each row; what spans several columns or rows stands in the first."""
        for row in _inside(table, "tr"):
            marks = child(row, "trPr")
            if marks is not None and child(marks, "del") is not None:
                self.deleted(row)
                continue
            yield [self.in_one_line(cell) for cell in _inside(row, "tc")]


READS: dict[str, Callable[[_Reader, Element], Iterable[str]]] = {
    **dict.fromkeys((*THROUGH, "oMathPara"), _Reader.inline),
    **dict.fromkeys(MARKS, _Reader.note),
    **dict.fromkeys(("del", "moveFrom"), _Reader.deleted),
    **dict.fromkeys(("txbxContent", "p", "tbl"), _Reader.beside),
    **dict.fromkeys(("inline", "anchor"), _Reader.drawing),
    **dict.fromkeys(("pic", "imagedata"), _Reader.picture),
    "AlternateContent": _Reader.chosen,
    "fldChar": _Reader.field,
    "instrText": _Reader.instruction,
    "textpath": _Reader.lettering,
    "oMath": _Reader.formula,
    "ruby": _Reader.reading,
    "sym": _Reader.symbol,
}


def _inside(parent: Element, wanted: str) -> Iterator[Element]:
    """Yield the rows or cells in an element, also those that a control wraps."""
    for one in parent:
        name = local(one.tag)
        if name == wanted:
            yield one
        elif name in ("sdt", "sdtContent", "customXml", "ins"):
            yield from _inside(one, wanted)


def _chosen(alternatives: Element) -> Element:
    """Return the first of several forms of the same content."""
    forms = {local(one.tag): one for one in reversed(alternatives)}
    return forms.get("Choice", forms.get("Fallback", Element("none")))


def _sign(kind: str, note: str) -> str:
    return f"[^{note}]" if kind == "footnotes" else f"[^e{note}]"


def _wrapped(block: Element) -> Element:
    parent = Element("body")
    parent.append(block)
    return parent


def _stated(parent: Element | None, name: str) -> str:
    found = child(parent, name)
    return value(found, "val") if found is not None else ""


def _styles(root: Element) -> _Styles:
    """Return which styles are headings or list items, those that are based on such too."""
    found = _Styles()
    based = {}
    for style in each(root, "style"):
        style_id = value(style, "styleId")
        name = _stated(style, "name").lower()
        marks = child(style, "pPr")
        outline = whole(_stated(marks, "outlineLvl"), -1)
        if name in ("title", "heading"):
            found.level[style_id] = 1
        elif name.startswith("heading ") and name[8:].isdecimal() and len(name) == 9:
            found.level[style_id] = int(name[8:])
        elif 0 <= outline < LEVELS:
            found.level[style_id] = outline + 1
        if (own := child(marks, "numPr")) is not None:
            found.list[style_id] = (_stated(own, "numId"), whole(_stated(own, "ilvl"), 0))
        based[style_id] = (_stated(style, "basedOn"), outline == LEVELS)
    level = {style: _inherited(found.level, based, style, 0) for style in based}
    lists = {style: _inherited(found.list, based, style, ("", 0)) for style in based}
    return _Styles(level, lists)


def _inherited(own: dict[str, T], based: dict[str, tuple[str, bool]], style: str, no: T) -> T:
    """Return what a style says, or the one that it is based on."""
    for _ in range(MOST_STEPS):
        if style in own:
            return own[style]
        style, is_text = based.get(style, ("", True))
        if is_text:
            break
    return no
