"""The text of a Rich Text file, in one pass over its groups: some are text, most are not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from ragkit.errors import LoadError
from ragkit.loading.writing import Writer, cells, tags
from ragkit.types import Document

TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n\0]+"
    rb"|([^\\{}\r\n\0]+)|\\"
)
MOST_DEPTH = 1_000  # groups in each other; Word itself gives up earlier
CHARSETS = {
    0: "cp1252", 2: "symbol", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gb18030",
    136: "big5hkscs", 161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256",
    186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
PAGES = {437: "cp437", 850: "cp850", 932: "cp932", 936: "gb18030", 949: "cp949", 950: "big5hkscs",
         10000: "mac_roman", 65001: "utf-8"}  # fmt: skip
SIGNS = {
    b"tab": "\t", b"line": "\n", b"emdash": "—", b"endash": "–", b"lquote": "‘", b"rquote": "’",
    b"ldblquote": "“", b"rdblquote": "”", b"bullet": "•", b"emspace": "\u2003",
    b"enspace": "\u2002", b"qmspace": "\u2005", b"nestcell": " | ", b"nestrow": "; ",
}  # fmt: skip
SYMBOLS = {b"~": "\xa0", b"_": "\u2011", b"\\": "\\", b"{": "{", b"}": "}"}
# Groups that are no text; those behind "\*" are none either unless they are known.
SKIPPED = frozenset(
    b"colortbl pict fldinst objdata objclass listtable listoverridetable rsidtbl generator xe tc "
    b"bkmkstart bkmkend nonshppict template revtbl filetbl upr atnref atndate atnid pnseclvl "
    b"themedata colorschememapping latentstyles datastore sp shprslt ftnsep ftnsepc aftnsep "
    b"aftnsepc".split()
)
ASIDES = {b"footnote": "footnote", b"annotation": "annotation", b"atnauthor": "author",
          b"header": "header", b"headerl": "header", b"headerr": "header", b"headerf": "header",
          b"footer": "footer", b"footerl": "footer", b"footerr": "footer", b"footerf": "footer",
          b"listtext": "mark", b"pntext": "mark", b"shptxt": "box"}  # fmt: skip
INFO = {
    b"title": "title", b"author": "author", b"subject": "subject", b"keywords": "tag",
    b"doccomm": "description", b"category": "category", b"operator": "modified-by",
    b"creatim": "created", b"revtim": "date",
}  # fmt: skip
KNOWN = {*ASIDES, *INFO, b"shpinst", b"shppict", b"ud", b"fldrslt", b"stylesheet", b"fonttbl"}
ENDS = (b"par", b"sect", b"page", b"cell", b"row")
TIMES = (b"yr", b"mo", b"dy", b"hr", b"min", b"sec")


def rtf(data: bytes) -> Document:
    r"""Return a Rich Text document; nothing in it is run, pictures and objects are left out.

    Raises:
        LoadError: it is none, or its groups are nested without end.

    >>> rtf(rb"{\rtf1\ansi Caf\'e9 \u8212?{\b bold}\par}").text
    'Café —bold'
    """
    if not data.lstrip().startswith(b"{\\rtf"):
        raise LoadError(
            "it is not a Rich Text file, as its name says", stage="parse", hint="is it complete?"
        )
    return _Reader(data.lstrip()).document()


@dataclass(slots=True)
class _State:
    """What holds in a group and those inside it."""

    target: str = "body"  # where text goes: "body", "skip", "footnote", "info author" and so on
    encoding: str | None = None  # of bytes; "" is the document's, None that of its usual font
    fallback: int = 1  # characters behind a "\u" that stand for it elsewhere
    is_deleted: bool = False
    is_ignorable: bool = False  # "\*" was read
    begins: bool = False  # the group collects a text of its own, which ends with it


@dataclass(slots=True)
class _Paragraph:
    """What holds for a paragraph until the next one is said to be plain."""

    style: int = 0
    level: int = 0  # of a heading, from 1
    in_table: bool = False


@dataclass(slots=True)
class _Reader:
    data: bytes
    writer: Writer = field(default_factory=Writer)
    state: _State = field(default_factory=_State)
    stack: list[_State] = field(default_factory=list)
    paragraph: _Paragraph = field(default_factory=_Paragraph)
    texts: dict[str, list[str]] = field(default_factory=dict)  # by target
    pending: bytearray = field(default_factory=bytearray)  # not decoded yet
    page: str = "cp1252"
    fonts: dict[int, str] = field(default_factory=dict)
    usual: int = -1  # the font of what names none
    levels: dict[int, int] = field(default_factory=dict)  # of styles that are headings
    row: list[str] = field(default_factory=list)
    asides: list[str] = field(default_factory=list)
    running: dict[str, list[str]] = field(default_factory=dict)  # headers and footers
    fields: list[tuple[str, str]] = field(default_factory=list)
    moment: dict[bytes, int] = field(default_factory=dict)
    number: int = 0  # what the last font or style in a table of such is called
    notes: int = 0
    skip: int = 0  # characters that stand for the one before

    def document(self) -> Document:
        at = 0
        while token := TOKEN.match(self.data, at):
            at = token.end()
            word, number, code, symbol, brace, plain = token.groups()
            if brace == b"{":
                self.open()
            elif brace:
                self.close()
                if not self.stack:
                    break
            elif word == b"bin":
                at += max(int(number or 0), 0)
            elif word:
                self.control(word, int(number) if number is not None else None)
            elif code or plain:
                self.raw(bytes([int(code, 16)]) if code else plain)
            elif symbol:
                self.symbol(symbol)
        if left := self.data[at:].strip(b"\0\r\n\t }"):
            self.writer.notes.append(f"{len(left):,} bytes behind its end are left out")
        if self.stack:
            self.writer.notes.append("the file breaks off before its end")
            while self.stack:
                self.close()
        self.end_paragraph()
        self.end_row()
        for text in dict.fromkeys(self.running.get("footer", ())):
            self.writer.block(text)
        title = next((text for name, text in self.fields if name == "title"), "")
        fields = [pair for pair in self.fields if pair[0] != "title"]
        return self.writer.document("rtf", title=title, fields=fields)

    # -- groups

    def open(self) -> None:
        self.flush()
        if len(self.stack) >= MOST_DEPTH:
            raise LoadError("its parts are nested too deeply", stage="parse")
        self.stack.append(self.state)
        self.state = replace(self.state, begins=False, is_ignorable=False)
        self.skip = 0

    def close(self) -> None:
        self.flush()
        self.skip = 0
        state, self.state = self.state, self.stack.pop()
        if not state.begins:
            return
        text = "".join(self.texts.pop(state.target, ())).strip()
        name = state.target
        if name.startswith("info "):
            self.property(name[5:], text)
        elif name == "stylesheet":
            self.style(text)
        elif name == "footnote" and text:
            self.asides.append(f"[^{self.notes}]: {' '.join(text.split())}")
        elif name == "author":
            self.texts["by"] = [text]
        elif name == "annotation" and text:
            by = "".join(self.texts.pop("by", ()))
            self.asides.append(f"[Comment{f' by {by}' if by else ''}: {' '.join(text.split())}]")
        elif name == "header" and text not in self.running.setdefault(name, []):
            self.running[name].append(text)
            self.writer.block(text)
        elif name == "footer":
            self.running.setdefault(name, []).append(text)
        elif name == "box" and text:
            self.asides.append(text)
        elif name == "mark":
            self.texts[name] = [text]

    def begin(self, target: str) -> None:
        """Let the group collect a text of its own."""
        self.state.target = target
        self.state.begins = True
        before = "".join(self.texts.get(target, ())).strip()
        if before and target == "box":  # one inside another
            self.asides.append(before)
        self.texts[target] = []

    def property(self, name: str, text: str) -> None:
        if name in ("created", "date"):
            parts = [self.moment.get(key, 0) for key in TIMES]
            if all(parts[:3]):
                year, month, day, *clock = parts
                time = "T{:02}:{:02}:{:02}".format(*clock) if any(clock) else ""
                self.fields.append((name, f"{year:04}-{month:02}-{day:02}{time}"))
            self.moment.clear()
        elif name == "tag":
            self.fields += tags(text)
        else:
            self.fields.append((name, text))

    def style(self, text: str) -> None:
        name = text.rstrip(";").strip().lower()
        if name.startswith("heading ") and name[8:].isdecimal() and len(name) == 9:
            self.levels[self.number] = int(name[8:])
        elif name == "title":
            self.levels[self.number] = 1

    # -- what stands in them

    def control(self, word: bytes, number: int | None) -> None:
        if self.skip and word != b"u":
            self.skip -= 1
        is_ignorable, self.state.is_ignorable = self.state.is_ignorable, False
        if word in SKIPPED or (is_ignorable and word not in KNOWN):
            self.flush()
            if word == b"pict" and self.state.target != "skip":
                self.writer.lost["picture| has no text"] += 1
            self.writer.lost["formula| is left out"] += word == b"moMath"
            self.state.target = "skip"
        elif word in SIGNS:
            self.write(SIGNS[word])
        elif word == b"u" and number is not None:
            self.write(chr(number & 0xFFFF))
            self.skip = self.state.fallback
        elif word in ENDS:
            self.end(word)
        else:
            self.setting(word, number)

    def end(self, word: bytes) -> None:
        """End a paragraph, cell or row."""
        if self.state.target != "body":
            self.write(" | " if word == b"cell" else "\n")
        elif word == b"cell":
            self.row.append(self.taken())
        elif word == b"row":
            self.end_row()
        else:
            self.end_paragraph()

    def setting(self, word: bytes, number: int | None) -> None:
        """Take what a word says of the group, the paragraph or the document."""
        state = self.state
        if word in ASIDES or word in INFO:
            self.group(word)
        elif word in (b"fonttbl", b"stylesheet"):
            state.target = word.decode()
        elif word == b"ud":
            state.target = self.stack[-2].target if len(self.stack) > 1 else "body"
        elif word == b"deleted":
            self.flush()
            state.is_deleted = number != 0
            self.writer.lost["tracked deletion| is left out"] += state.is_deleted
        elif word == b"plain":
            self.flush()
            state.is_deleted, state.encoding = False, None
        elif word in TIMES and number is not None:
            self.moment[word] = number
        elif word == b"uc":
            state.fallback = min(max(number or 0, 0), 20)
        elif word in (b"ansicpg", b"mac", b"pc", b"pca"):
            code = number or {b"mac": 10000, b"pc": 437, b"pca": 850}.get(word, 1252)
            self.page = PAGES.get(
                code, f"cp{code}" if 1250 <= code <= 1258 or code == 874 else "cp1252"
            )
        elif word == b"deff":
            self.usual = number or 0
        elif word in (b"f", b"fcharset"):
            self.font(word, number or 0)
        elif word in (b"pard", b"s", b"outlinelevel", b"intbl"):
            self.layout(word, number or 0)

    def group(self, word: bytes) -> None:
        if word in INFO:
            if self.state.target != "skip":
                self.begin(f"info {INFO[word]}")
            return
        if self.state.target == "skip" and word != b"shptxt":
            return
        name = ASIDES[word]
        if name == "footnote":
            self.notes += 1
            self.write(f"[^{self.notes}]")
        self.begin(name)

    def font(self, word: bytes, number: int) -> None:
        self.flush()
        if self.state.target == "fonttbl":
            if word == b"f":
                self.number = number
            else:
                self.fonts[self.number] = CHARSETS.get(number, "")
        elif word == b"f":
            self.state.encoding = self.fonts.get(number, "")

    def layout(self, word: bytes, number: int) -> None:
        if self.state.target == "stylesheet":
            if word == b"s":
                self.number = number
                self.begin("stylesheet")
            return
        if word == b"pard":
            self.paragraph = _Paragraph()
        elif word == b"s":
            self.paragraph.style = number
        elif word == b"outlinelevel":
            self.paragraph.level = number + 1 if 0 <= number < 9 else 0
        else:
            self.paragraph.in_table = True

    def symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self.state.is_ignorable = True
        elif symbol in b"\r\n":
            self.control(b"par", None)
        elif self.skip:
            self.skip -= 1
        elif symbol in SYMBOLS:
            self.write(SYMBOLS[symbol])

    def raw(self, text: bytes) -> None:
        """Take bytes, which are decoded once it is known where they end."""
        if self.skip:
            passed = min(self.skip, len(text))
            self.skip -= passed
            text = text[passed:]
        if self.state.target != "skip":
            self.pending += text

    def flush(self) -> None:
        if not self.pending:
            return
        encoding = self.state.encoding
        if encoding is None:  # a western font says less than the document
            encoding = self.fonts.get(self.usual, "").replace("cp1252", "").replace("symbol", "")
        encoding = encoding or self.page
        if encoding == "symbol":
            text = self.pending.decode("cp1252", "replace")
            self.writer.lost["letter| of a symbol font may be another"] += sum(
                map(str.isalnum, text)
            )
        else:
            text = self.pending.decode(encoding, "replace")
            if lost := text.count("\ufffd"):
                self.writer.lost["letter| could not be decoded"] += lost
        self.pending.clear()
        self.write(text)

    def write(self, text: str) -> None:
        if self.pending:
            self.flush()
        if self.state.target not in ("skip", "fonttbl") and not self.state.is_deleted:
            self.texts.setdefault(self.state.target, []).append(text)

    # -- paragraphs and rows

    def taken(self) -> str:
        """Return the text of the paragraph or cell in hand, with the mark of its list."""
        self.flush()
        mark = "".join(self.texts.pop("mark", ())).strip()
        text = "".join(self.texts.pop("body", ())).strip(" ")
        return f"{mark} {text.lstrip()}" if mark and text.strip() else text

    def end_paragraph(self) -> None:
        self.flush()
        if self.paragraph.in_table:
            self.texts.setdefault("body", []).append(" ")
            return
        is_item = "mark" in self.texts
        text = self.taken()
        self.end_row()
        level = self.paragraph.level or self.levels.get(self.paragraph.style, 0)
        if is_item and not level:
            self.writer.line(text)
        else:
            self.writer.block(text, heading=level)
        self.told()

    def end_row(self) -> None:
        if self.row:
            self.writer.line(cells(self.row))
            self.row = []
            if self.asides:
                self.told()

    def told(self) -> None:
        """Write the notes, comments and boxes that belong to what was just written."""
        asides, self.asides = self.asides, []
        for text in asides:
            self.writer.block(text)
