"""The text of OpenDocument files: odt, ods and odp, as LibreOffice and others write them."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ragkit.errors import LoadError
from ragkit.loading.numbering import written
from ragkit.loading.packed import Packed
from ragkit.loading.raised import Raised, joined
from ragkit.loading.spreadsheet import table_rows, write_tables
from ragkit.loading.writing import Writer, cells
from ragkit.loading.xmltree import child, each, local, value, whole, words
from ragkit.types import Document

KINDS = {"odt": "a text document", "ods": "a workbook", "odp": "a presentation"}
SKIPPED = frozenset(
    "sequence-decls variable-decls user-field-decls dde-connection-decls scripts title desc "
    "font-face-decls soft-page-break settings".split()
)
BLOCKS = frozenset("p h list table section index-body".split())
MOST_SPACES = 100  # a number that says how many there are may be any
FORMS = {
    "1": "decimal",
    "a": "lowerLetter",
    "A": "upperLetter",
    "i": "lowerRoman",
    "I": "upperRoman",
}
OUTLINE = "/outline"  # the list that numbers headings; no style can be called so
NO_CONTROLS = ("hidden", "property", "list-property", "list-value", "option", "item", "column")
RUNNING = ("header", "footer", "date-time", "page-number")
FIELDS = {
    "initial-creator": "author", "creator": "author", "date": "date", "creation-date": "created",
    "keyword": "tag", "description": "description", "language": "language", "subject": "subject",
}  # fmt: skip


def opendocument(kind: str, data: bytes) -> Document:
    """Return the document in an "odt", "ods" or "odp".

    Raises:
        LoadError: it is encrypted, damaged or too large.
    """
    try:
        return Reader(Packed(data, KINDS[kind])).document(kind)
    except RecursionError as error:
        raise LoadError("its parts are nested too deeply", stage="parse") from error


class Reader:
    """Reads the blocks of a text; sheets and slides are made of such too."""

    def __init__(self, package: Packed) -> None:
        self.package = package
        manifest = package.xml_or_none("META-INF/manifest.xml")
        if manifest is not None and next(each(manifest, "encryption-data"), None) is not None:
            raise LoadError("it is encrypted", stage="decode", hint="save it without a password")
        self.writer = Writer()
        self.content = package.xml("content.xml")
        self.styles = {value(one, "name"): one for one in each(self.content, "style")}
        self.lists = {value(one, "name"): one for one in each(self.content, "list-style")}
        self.common = package.xml_or_none("styles.xml")
        if self.common is not None:
            self.lists = {value(one, "name"): one for one in each(self.common, "list-style")} | (
                self.lists
            )
            for one in each(self.common, "outline-style"):
                self.lists[OUTLINE] = one
        self.levels: dict[str, dict[int, Element]] = {}  # of the lists that are met
        self.counts: dict[str, dict[int, int]] = {OUTLINE: {}}  # of lists that may go on
        self.waiting: list[Element] = []  # boxes of text beside the paragraph in hand
        self.asides: list[str] = []  # notes and comments on it

    def document(self, kind: str) -> Document:
        """Return the document, its properties as fields."""
        title, fields = self.properties()
        body = child(self.content, "body")
        inner = next(iter(body), None) if body is not None else None
        if inner is None:
            raise LoadError(f"{KINDS[kind]} without a body", stage="parse", hint="is it complete?")
        blank: list[int] = []
        if kind == "odt":
            self.running("header")
            self.blocks(inner)
            self.running("footer")
        elif kind == "ods":
            write_tables(self, inner)
        else:
            blank = self.slides(inner)
        if any(name.startswith(("basic/", "scripts/")) for name in self.package.names()):
            self.writer.notes.append("its macros are neither run nor read")
        return self.writer.document(
            kind,
            title=title,
            fields=fields,
            pages_without_text=tuple(blank),
            title_by_heading=kind != "ods",
        )

    def properties(self) -> tuple[str, list[tuple[str, str]]]:
        """Return the title, and what else the document says of itself."""
        title, fields = "", []
        root = self.package.xml_or_none("meta.xml")
        meta = child(root, "meta")
        for one in meta if meta is not None else ():
            name = local(one.tag)
            if name == "title":
                title = words(one)
            elif name == "user-defined":
                fields.append((value(one, "name"), words(one)))
            elif name in FIELDS and not (
                name == "creator" and any(other == "author" for other, _ in fields)
            ):
                fields.append((FIELDS[name], words(one)))
        return title, fields

    def running(self, kind: str) -> None:
        """Write the headers or footers of all kinds of pages, each text once."""
        seen = {""}
        for page in each(self.common, "master-page") if self.common is not None else ():
            for one in page:
                if local(one.tag).startswith(kind) and (text := words(one)) not in seen:
                    seen.add(text)
                    self.blocks(one)

    def slides(self, body: Element) -> list[int]:
        """Write each slide as a page; return the numbers of those without text."""
        blank, repeated = [], set()
        slides = [one for one in body if local(one.tag) == "page"]
        for number, slide in enumerate(slides, 1):
            self.writer.page()
            style = child(self.styles.get(value(slide, "style-name")), "drawing-page-properties")
            if style is not None and value(style, "visibility") == "hidden":
                self.writer.notes.append(f"slide {number} is hidden, and read too")
            shapes = sorted(slide, key=lambda one: value(one, "class") != "title")
            for shape in shapes:
                kind = value(shape, "class")
                if local(shape.tag) == "notes":
                    self.notes(shape)
                elif kind == "title":
                    self.writer.block(words(shape), heading=1)
                elif kind not in RUNNING:
                    self.block(shape)
                elif (text := words(shape)) and kind != "page-number" and text not in repeated:
                    repeated.add(text)
                    self.writer.block(text)
            if self.writer.length == self.writer.page_starts[-1]:
                blank.append(number)
        return blank

    def notes(self, notes: Element) -> None:
        """Write what a speaker is to say."""
        for shape in notes:
            text = words(shape)
            if value(shape, "class") == "notes" and text:
                self.writer.block("Notes:")
                self.block(shape)

    def blocks(self, parent: Element) -> None:
        """Write all that stands in an element."""
        for block in parent:
            self.block(block)

    def block(self, block: Element) -> None:
        """Write a paragraph, list, table or section."""
        name = local(block.tag)
        if name in ("p", "h"):
            self.paragraph(block, name)
        elif name == "list":
            style, before = value(block, "style-name"), value(block, "continue-list")
            if value(block, "continue-numbering") == "true":
                before = style
            counts = self.counts.get(before, {}) if before else {}
            self.counts[style] = self.counts[value(block, "id", style)] = counts
            self.list(block, 0, style, counts)
            self.writer.end()
        elif name == "forms":
            for one in block.iter():
                if local(one.tag) not in NO_CONTROLS:
                    said = value(one, "current-value") or value(one, "value")
                    self.writer.block(": ".join(filter(None, (value(one, "label"), said))))
        elif name == "table":
            self.writer.end()
            for row in table_rows(block):
                self.writer.line(cells(self.in_one_line(cell) for cell in row))
            self.writer.end()
            self.told()
        elif name == "tracked-changes":
            for _ in each(block, "deletion"):
                self.writer.lost["tracked deletion| is left out"] += 1
        elif name == "frame":
            self.writer.block("".join(self.frame(block)))
            self.told()
        elif name not in SKIPPED:
            self.blocks(block)

    def paragraph(self, paragraph: Element, name: str) -> None:
        """Write a paragraph, or a heading with its number."""
        level, mark = 0, ""
        text = joined(self.inline(paragraph)).strip(" ")
        if name == "h":
            level = whole(value(paragraph, "outline-level"), 1, digits=2)
            if text and value(paragraph, "is-list-header") != "true":
                mark = self.mark(OUTLINE, level - 1, self.counts[OUTLINE], no="")
        elif self.is_title(value(paragraph, "style-name")):
            level = 1
        self.writer.block(mark + text, heading=level)
        self.told()

    def is_title(self, style: str) -> bool:
        """Say whether a style is that of the document's title."""
        found = self.styles.get(style)
        return "Title" in (style, value(found, "parent-style-name") if found is not None else "")

    def told(self) -> None:
        """Write the notes, comments and boxes that belong to what was just written."""
        asides, self.asides = self.asides, []
        for text in asides:
            self.writer.block(text)
        while self.waiting:
            waiting, self.waiting = self.waiting, []
            for box in waiting:
                self.block(box)

    def inline(self, parent: Element) -> Iterator[str]:
        """Yield the pieces of a paragraph's text; boxes and notes are kept for behind it."""
        yield _folded(parent.text)
        for node in parent:
            name = local(node.tag)
            if name == "s":
                yield " " * min(whole(value(node, "c"), 1, digits=4), MOST_SPACES)
            elif name in ("tab", "line-break"):
                yield "\t" if name == "tab" else "\n"
            elif name == "note":
                yield self.note(node)
            elif name == "annotation":
                self.asides.append(self.comment(node))
            elif name == "ruby":
                base, reading = child(node, "ruby-base"), words(child(node, "ruby-text"))
                yield from self.inline(base) if base is not None else ()
                yield f"({reading})" if reading else ""
            elif name == "frame":
                yield from self.frame(node)
            elif name in BLOCKS:
                self.waiting.append(node)
            elif name == "span" and self.is_raised(value(node, "style-name")):
                yield from map(Raised, self.inline(node))
            elif name not in SKIPPED:
                yield from self.inline(node)
            yield _folded(node.tail)

    def is_raised(self, style: str) -> bool:
        """Say whether letters of a style stand higher than the rest."""
        marks = child(self.styles.get(style), "text-properties")
        position = value(marks, "text-position") if marks is not None else ""
        return position.startswith("super") or whole(position.partition("%")[0], 0) > 0

    def note(self, note: Element) -> str:
        """Keep a footnote for behind the paragraph; return its mark."""
        mark = words(child(note, "note-citation")) or "*"
        body = child(note, "note-body")
        if body is not None:
            self.asides.append(f"[^{mark}]: {self.in_one_line(body)}")
        return f"[^{mark}]"

    def comment(self, comment: Element) -> str:
        """Keep a comment for behind the paragraph."""
        author = words(child(comment, "creator"))
        text = " ".join(
            self.in_one_line(one) if local(one.tag) == "list" else joined(self.inline(one))
            for one in comment
            if local(one.tag) in ("p", "list")
        )
        return f"[Comment{f' by {author}' if author else ''}: {' '.join(text.split())}]"

    def frame(self, frame: Element) -> Iterator[str]:
        """Yield the words that stand for a picture; boxes of text and objects are for later."""
        described = words(child(frame, "title")), words(child(frame, "desc"))
        told = " ".join(dict.fromkeys(filter(None, described)))
        yield f" {told} " if told else ""
        inner = {local(one.tag): one for one in frame}
        if "text-box" in inner:
            self.waiting.extend(inner["text-box"])
        elif "table" in inner:
            self.waiting.append(inner["table"])
        elif "object" in inner:
            self.object(inner["object"])
        elif "image" in inner and not told:
            self.writer.lost["picture| has no text"] += 1

    def object(self, element: Element) -> None:
        """Keep a chart or formula for behind the paragraph: its own text, the data of its table."""
        part = value(element, "href").removeprefix("./") + "/content.xml"
        root = self.package.xml_or_none(part)
        if root is None:
            self.writer.lost["embedded file| is left out"] += 1
        elif local(root.tag) == "math":
            as_typed = next(each(root, "annotation"), None)  # in the words of LibreOffice
            self.asides.append(words(as_typed) or "".join(words(root).split()))
        else:
            self.waiting.extend(root)

    def in_one_line(self, parent: Element) -> str:
        """Return the text of blocks as a table's cell or a note has it."""
        found = []
        for block in parent:
            name = local(block.tag)
            if name in ("p", "h"):
                found.append(joined(self.inline(block)))
            elif name == "table":
                found += [
                    cells(self.in_one_line(cell) for cell in row) for row in table_rows(block)
                ]
            elif name == "annotation":
                self.asides.append(self.comment(block))
            elif name == "frame":
                found += self.frame(block)
            elif name not in SKIPPED:
                found.append(self.in_one_line(block))
        return " ".join(" ".join(found).split())

    def list(self, items: Element, depth: int, style: str, counts: dict[int, int]) -> None:
        """Write a list's items, a line each, with the numbers that are seen."""
        for item in items:
            is_item = any(local(block.tag) in ("p", "h") for block in item)
            is_item = is_item and local(item.tag) != "list-header"
            if (start := whole(value(item, "start-value"), -1, digits=5)) >= 0:
                counts[depth] = start - 1
            mark = self.mark(style, depth, counts) if is_item else ""
            for block in item:
                name = local(block.tag)
                if name == "list":
                    if value(block, "continue-numbering") != "true":
                        counts.pop(depth + 1, None)
                    self.list(block, depth + 1, value(block, "style-name") or style, counts)
                elif name == "h":  # a heading that is numbered by a list
                    self.paragraph(block, name)
                elif name == "p":
                    text = " ".join(joined(self.inline(block)).split())
                    if text:
                        self.writer.line("  " * depth + mark + text)
                        mark = " " * len(mark)
                    if self.asides or self.waiting:
                        self.told()
                else:
                    self.block(block)

    def mark(self, style: str, depth: int, counts: dict[int, int], no: str = "- ") -> str:
        """Return what stands before an item of a list, ``no`` if it has no number."""
        if style not in self.levels:
            given = self.lists.get(style, ())
            self.levels[style] = {whole(value(one, "level"), 0, digits=5): one for one in given}
        levels = self.levels[style]
        level = levels.get(depth + 1)
        if level is None or local(level.tag) not in (
            "list-level-style-number",
            "outline-level-style",
        ):
            return no
        counts[depth] = counts.get(depth, whole(value(level, "start-value"), 1, digits=5) - 1) + 1
        for deeper in [deep for deep in counts if deep > depth]:
            del counts[deeper]
        form = FORMS.get(value(level, "num-format"), "")
        first = max(depth + 1 - whole(value(level, "display-levels"), 1, digits=5), 0)
        numbers = [
            written(counts.get(at, 1), FORMS.get(value(levels[at + 1], "num-format"), form))
            for at in range(first, depth + 1)
            if form and at + 1 in levels
        ]
        said = (
            f"{value(level, 'num-prefix')}{'.'.join(numbers)}{value(level, 'num-suffix')}".strip()
        )
        return said + " " * bool(numbers)


def _folded(text: str | None) -> str:
    """Return text whose runs of blanks are one, as its format has it: real ones are elements."""
    if not text:
        return ""
    inner = " ".join(text.split())
    return (
        (" " if text[0].isspace() else "") + inner + (" " if inner and text[-1].isspace() else "")
    )
