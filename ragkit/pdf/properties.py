"""What a PDF says of itself: title, author, dates, language, page labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ragkit.text.surrogates import encodable

if TYPE_CHECKING:
    from pypdf import PdfReader

NO_TITLES = ("untitled", "microsoft word -", "microsoft powerpoint -")
DATE = re.compile(
    r"(?:D:)?(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?)?)?\s*(Z|[+-]\d\d)?'?(\d\d)?"
)
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
MOST_TAGS = 50


def line(value: object) -> str:
    """Return a value in one line, "" if it is no text."""
    return " ".join(encodable(value).split()) if isinstance(value, str) else ""


def title_of(info: Any) -> str:  # noqa: ANN401 - pypdf's, or whatever stands there
    """Return the title of a document, "" if it has none that a person gave it."""
    title = line(info and info.title)
    return "" if title.lower().startswith(NO_TITLES) else title


def fields_of(reader: PdfReader) -> tuple[tuple[str, str], ...]:
    """Return what stands in a PDF's properties."""
    info = reader.metadata
    values = dict(info) if info else {}
    found = [("author", line(_text(values, "/Author")))]
    created = day(line(_text(values, "/CreationDate")))
    found.append(("date", day(line(_text(values, "/ModDate"))) or created))
    found.append(("created", created))
    found += [("tag", tag) for tag in tags(line(_text(values, "/Keywords")))]
    found.append(("description", line(_text(values, "/Subject"))))
    language = line(_text(dict(reader.root_object), "/Lang"))
    if LANGUAGE.fullmatch(language):
        found.append(("language", language))
    return tuple((name, value) for name, value in found if value)


def _text(values: dict[Any, Any], name: str) -> object:
    value: Any = values.get(name)
    return value.get_object() if hasattr(value, "get_object") else value


def tags(keywords: str) -> list[str]:
    """Return keywords one by one; those without a mark between them are parted by spaces.

    >>> tags("ollama, local models; RAG"), tags("one two"), tags("")
    (['ollama', 'local models', 'RAG'], ['one', 'two'], [])
    """
    parts = (
        re.split("[,;，；、]", keywords) if re.search("[,;，；、]", keywords) else keywords.split()
    )
    return list(dict.fromkeys(filter(None, map(str.strip, parts))))[:MOST_TAGS]


def day(text: str) -> str:
    """Return a PDF's date as ISO has it, "" if it is none.

    >>> day("D:20240131120000+01'00'"), day("D:202401"), day("D:2024013112"), day("2024-01-31")
    ('2024-01-31T12:00:00+01:00', '2024-01-01', '2024-01-31', '')
    """
    found = DATE.match(text)
    if not found:
        return ""
    year, month, of_month, hour, minute, second, zone, zone_minutes = found.groups()
    if not (1 <= int(month or 1) <= 12 and 1 <= int(of_month or 1) <= 31 and int(year)):
        return ""
    if not month and text[found.end() :].strip():
        return ""
    date = f"{year}-{month or '01'}-{of_month or '01'}"
    if hour is None or int(hour) > 23 or int(minute) > 59:
        return date
    date += f"T{hour}:{minute}:{second or '00'}"
    return date + (f"{zone}:{zone_minutes or '00'}" if zone and zone != "Z" else zone or "")


def labels_of(reader: PdfReader, pages: int) -> tuple[tuple[str, str], ...]:
    """Return the pages' own labels as one field, if they are not simply their numbers."""
    if "/PageLabels" not in reader.root_object:
        return ()
    labels = [line(label) for label in reader.page_labels]
    if labels == [str(number) for number in range(1, pages + 1)]:
        return ()
    return (("page_labels", summed(labels)),)


def has_xfa(reader: PdfReader) -> bool:
    """Say whether a PDF is the shell of a form in XML."""
    form: Any = reader.root_object.get("/AcroForm")
    return form is not None and "/XFA" in form.get_object()


def summed(labels: Sequence[str]) -> str:
    """Return which pages have which labels, runs of them in one.

    >>> summed(["Cover", "i", "ii", "iii", "1", "2", "3", "A-1"])
    '1: Cover, 2-4: i-iii, 5-7: 1-3, 8: A-1'
    """
    runs = []
    numbered = enumerate(labels, 1)
    for _, run in groupby(numbered, key=lambda one: _kind(one[1])):
        (first, label), *rest = run
        if rest:
            last, last_label = rest[-1]
            runs.append(f"{first}-{last}: {label}-{last_label}")
        else:
            runs.append(f"{first}: {label}")
    return ", ".join(runs)


def _kind(label: str) -> str:
    """Return what labels of one run have in common."""
    if re.fullmatch("[ivxlcdm]+|[IVXLCDM]+", label):
        return "roman"
    return re.sub(r"\d+", "#", label)
