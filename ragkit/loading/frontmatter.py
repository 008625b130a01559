"""What a document says of itself above its text: front matter, in YAML or TOML, as fields.

TOML is read by the standard library. Of YAML the plain part is read here, line by line:
scalars, quoted or in several lines, and lists of them. Aliases, tags and maps are not values of a
field: they are named in a note, nothing is looked up, made or unfolded.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime

from ragkit.text.surrogates import encodable

LONGEST = 65_536  # characters of a front matter that is read
KEY = re.compile(
    r"(\"[^\"\r\n]{1,100}\"|'[^'\r\n]{1,100}'|[\w][\w .-]{0,99}?)[ \t]*:(?:[ \t]+(.*)|)$"
)
ITEM = re.compile(r"[ \t]*-(?:[ \t]+(.*)|)$")
BLOCK = re.compile(r"[|>][-+\d]*[ \t]*(?:#.*)?$")
COMMENT = re.compile(r"(?:^|[ \t])#.*$")
FLOW = re.compile(
    r"[ \t]*+(?:(\"(?:[^\"\\]|\\.)*+\"|'(?:[^']|'')*+')[ \t]*+|([^,\"'\[\]{}]*+))(?:,|$)"
)
NAMED = re.compile(r"name[ \t]*:[ \t]+(.*)$")
NO_VALUES = ("&", "*", "!", "{", "%", "@", "`", "? ")
KNOWN = {
    "authors": "author", "by": "author", "creator": "author", "tags": "tag", "keywords": "tag",
    "keyword": "tag", "categories": "tag", "category": "tag", "lang": "language",
    "locale": "language", "summary": "description", "abstract": "description",
    "excerpt": "description", "updated": "date", "lastmod": "date", "modified": "date",
    "last_modified_at": "date", "last_modified": "date", "last_updated": "date", "revised": "date",
    "pubdate": "created", "published": "created", "published_at": "created",
}  # fmt: skip
DAYS = ("%Y/%m/%d", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%d.%m.%Y", "%Y年%m月%d日")
PART = re.compile(r"[12]\d{3}(?:-(?:0[1-9]|1[0-2]))?", re.ASCII)  # a year, a month
Values = dict[str, list[str]]


def yaml_front(front: str) -> tuple[Values, list[str]]:
    r"""Return the values of plain YAML, by name, and the names of those that are no plain ones.

    >>> yaml_front("title: 'On tea'\ntags: [green, \"black, hot\"]\nmenu: {main: 1}\n")
    ({'title': ['On tea'], 'tags': ['green', 'black, hot']}, ['menu'])
    """
    values: Values = {}
    unread: list[str] = []
    for name, value, below in _entries(front):
        found = _value(value, below)
        if found is None:
            unread.append(name)
        else:
            values[name] = found
    return values, unread


def toml_front(front: str) -> tuple[Values, list[str]]:
    r"""Return the values of TOML, by name, and the names of those that are no plain ones.

    >>> toml_front('title = "On tea"\ndate = 2026-11-26\n[menu]\n')
    ({'title': ['On tea'], 'date': ['2026-11-26']}, ['menu'])
    """
    values: Values = {}
    unread: list[str] = []
    try:
        table = tomllib.loads(front.replace("\r\n", "\n").replace("\r", "\n"))
    except (ValueError, RecursionError):
        return {}, ["its TOML"]
    for name, value in table.items():
        some = value if isinstance(value, list) else [value]
        some = [one.get("name", one) if isinstance(one, dict) else one for one in some]
        if any(isinstance(one, (dict, list)) for one in some):
            unread.append(name)
        else:
            values[name] = [_plain(one) for one in some]
    return values, unread


def fields_of(values: Values) -> tuple[str, tuple[tuple[str, str], ...], list[str]]:
    """Return the title, the fields, and the names of dates that are none.

    >>> fields_of({"Title": ["Tea"], "Tags": ["a, b"], "date": ["2026/11/26"]})
    ('Tea', (('tag', 'a'), ('tag', 'b'), ('date', '2026-11-26')), [])
    """
    title = ""
    fields: dict[tuple[str, str], None] = {}
    odd: list[str] = []
    lower = {name.lower(): found for name, found in values.items()}
    changed = any(KNOWN.get(name) == "date" for name in lower)
    for name, found in lower.items():
        known = KNOWN.get(name, name.replace(" ", "_"))
        for value in _parts(known, found):
            if known == "title":
                title = title or value
            elif known in ("date", "created"):
                # A date beside one of a change is that of the beginning.
                known = "created" if name == "date" and changed else known
                day = iso(value)
                if day:
                    fields[known, day] = None
                else:
                    odd.append(name)
            else:
                fields[known, value] = None
    if not changed and not any(name == "date" for name, _ in fields):
        fields |= {("date", value): None for name, value in fields if name == "created"}
    return title, tuple(fields), odd


def front_matter(front: str, *, is_toml: bool) -> tuple[str, tuple[tuple[str, str], ...], str]:
    """Return the title, the fields, and what is to be said of what is in none, "" for nothing."""
    if len(front) > LONGEST:
        return "", (), f"the front matter is longer than {LONGEST:,} characters and gives no fields"
    values, unread = (toml_front if is_toml else yaml_front)(front)
    title, fields, odd = fields_of(values)
    said = []
    if unread:
        said.append(f"no plain values, so no fields: {_named(unread)}")
    if odd:
        said.append(f"no dates that are understood: {_named(odd)}")
    return title, fields, f"in the front matter: {'; '.join(said)}" if said else ""


def iso(value: str) -> str:
    """Return a date, with or without time, a month or a year as ISO 8601 has it; "" if in doubt.

    >>> iso("2026-11-26 10:30:00 +0100"), iso("November 26, 2026"), iso("11/12/2026"), iso("2026")
    ('2026-11-26T10:30:00+01:00', '2026-11-26', '', '2026')
    """
    value = re.sub(r"(?<=\d)[ \t]+(?=[-+]\d{2}:?\d{2}$|Z$)", "", value.strip())
    if PART.fullmatch(value):
        return value
    with suppress(ValueError):
        return date.fromisoformat(value).isoformat()
    with suppress(ValueError):
        return datetime.fromisoformat(value).isoformat()
    for form in DAYS:
        with suppress(ValueError):
            return datetime.strptime(value, form).date().isoformat()
    return ""


def _entries(front: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield name and value of each key at the margin, and the lines below it."""
    name, value, below = "", "", list[str]()
    for line in re.split(r"\r\n|\r|\n", front):
        found = KEY.match(line)
        if found and not line.startswith((" ", "\t", "-")):
            if name:
                yield name, value, below
            name, value, below = found[1].strip("\"'"), (found[2] or "").strip(), []
        elif not line.startswith("#"):
            below.append(line)
    if name:
        yield name, value, below


def _value(value: str, below: list[str]) -> list[str] | None:
    """Return what a key stands for: some values, none if it is no plain one."""
    filled = [line for line in below if line.strip()]
    if BLOCK.match(value):
        return [" ".join(" ".join(filled).split())]
    value = value if value[:1] in ("'", '"') else COMMENT.sub("", value).strip()
    if value.startswith("["):
        return _flow(" ".join([value, *(COMMENT.sub("", line) for line in filled)]).strip())
    if value.startswith(NO_VALUES):
        return None
    is_one = not filled or not (ITEM.match(filled[0]) or KEY.match(filled[0].strip()))
    if value or is_one:
        scalar = _scalar(" ".join([value, *map(str.strip, filled)]))
        return None if scalar is None else [scalar] if scalar else []
    return _items(filled)


def _items(lines: list[str]) -> list[str] | None:
    """Return the values of a list, of which those that are maps have a name."""
    values: list[str] = []
    margin = len(lines[0]) - len(lines[0].lstrip())
    for line in lines:
        item = ITEM.match(line)
        if item and len(line) - len(line.lstrip()) == margin:
            said = (item[1] or "").strip()
            if named := NAMED.match(said):
                said = named[1]
            elif KEY.match(said) or said.startswith(("[", "- ", *NO_VALUES)):
                return None
            scalar = _scalar(said)
            if scalar is None:
                return None
            values += [scalar] * bool(scalar)
        elif not values or (":" not in line and line.lstrip().startswith("-")):
            return None
        elif ":" not in line:  # an item goes on
            values[-1] += f" {line.strip()}"
    return values


def _flow(text: str) -> list[str] | None:
    """Return the values between brackets."""
    text = COMMENT.sub("", text).strip()
    if not text.endswith("]"):
        return None
    values: list[str] = []
    at, text = 0, text[1:-1]
    while at < len(text):
        found = FLOW.match(text, at)
        scalar = _scalar(found[1] or found[2]) if found else None
        if found is None or scalar is None or found.end() == at:
            return None
        values += [scalar] * bool(scalar)
        at = found.end()
    return values


def _scalar(text: str) -> str | None:
    """Return what a scalar says, None if it is no plain one."""
    text = text.strip()
    if text[:1] == '"':
        closed = re.match(r"\"((?:[^\"\\]|\\.)*+)\"[ \t]*(?:#.*)?$", text)
        if not closed:
            return None
        try:
            inner = re.sub(r"\\x(?=[0-9a-fA-F]{2})", r"\\u00", closed[1])
            return str(json.loads(f'"{inner}"', strict=False))
        except ValueError:  # an escape of YAML's own
            return re.sub(r"\\(.)", r"\1", closed[1])
    if text[:1] == "'":
        closed = re.match(r"'((?:[^']|'')*+)'[ \t]*(?:#.*)?$", text)
        return closed[1].replace("''", "'") if closed else None
    if text.startswith(NO_VALUES):
        return None
    text = COMMENT.sub("", text).strip()
    return "" if text in ("~", "null") else text


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)


def _parts(name: str, values: Iterable[str]) -> Iterator[str]:
    """Yield values, each in one line; tags in one line may be parted by commas."""
    found = list(values)
    if name == "tag" and len(found) == 1:
        found = found[0].split(",")
    for value in found:
        if line := " ".join(encodable(value).split()):
            yield line


def _named(names: list[str]) -> str:
    shown = ", ".join(encodable(name)[:40] for name in names[:5])
    return shown + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
