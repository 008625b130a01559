"""Jupyter notebooks: the cells in order, and the text of their outputs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ragkit.errors import LoadError
from ragkit.loading.markup import markdown
from ragkit.loading.webpage import webpage
from ragkit.text.surrogates import encodable
from ragkit.types import Document, Heading

BETWEEN = "\n\n"
NO_WORDS = re.compile(r"<IPython\.core\.display\.|<[\w.]+(?: object)? at 0x[0-9a-fA-F]+>\s*\Z")
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def notebook(text: str, notes: tuple[str, ...]) -> Document:
    """Return a notebook: its cells' sources as they stand, each followed by what it printed.

    Raises:
        LoadError: it is nested too deep.

    >>> notebook('{"cells": [{"cell_type": "markdown", "source": ["# Tea"]}]}', ()).places
    ((0, '#cell=1'),)
    """
    try:
        book = json.loads(text)
    except RecursionError as error:
        raise LoadError("its JSON is nested too deep", stage="parse") from error
    except ValueError:
        return Document(text, "ipynb", notes=(*notes, "no valid notebook: read as plain text"))
    cells = _cells(book)
    if cells is None:
        return Document(text, "ipynb", notes=(*notes, "it has no cells: read as plain text"))
    parts: list[str] = []
    headings: list[Heading] = []
    places: list[tuple[int, str]] = []
    at = pictures = 0
    for number, cell in enumerate(cells, 1):
        source = encodable(_joined(cell.get("source", cell.get("input"))))
        is_code = cell.get("cell_type") == "code"
        outputs, unread = _outputs(cell.get("outputs")) if is_code else ([], 0)
        attached = cell.get("attachments")
        pictures += unread + (len(attached) if isinstance(attached, dict) else 0)
        pieces = [piece for piece in (source, *map(encodable, outputs)) if piece.strip()]
        if not pieces:
            continue
        if cell.get("cell_type") == "markdown":
            headings += [
                Heading(at + h.start, h.level, h.title) for h in markdown(source, ()).headings
            ]
        elif cell.get("cell_type") == "heading":  # before nbformat 4
            level = cell.get("level")
            headings.append(Heading(at, level if isinstance(level, int) else 1, source.strip()))
        places.append((at, f"#cell={number}"))
        parts.append(BETWEEN.join(pieces))
        at += len(parts[-1]) + len(BETWEEN)
    if pictures:
        notes = (*notes, f"{pictures} pictures in it are not read" if pictures > 1
                 else "a picture in it is not read")  # fmt: skip
    title, fields = _described(book.get("metadata"))
    title = title or next((heading.title for heading in headings), "")
    return Document(BETWEEN.join(parts), "ipynb", title=title, headings=tuple(headings),
                    places=tuple(places), notes=notes, fields=fields)  # fmt: skip


def _cells(book: object) -> list[dict[str, Any]] | None:
    """Return the cells; before nbformat 4 they lay in sheets."""
    if not isinstance(book, dict):
        return None
    sheets = book.get("worksheets")
    found = book.get("cells")
    if not isinstance(found, list) and isinstance(sheets, list):
        lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
        found = [cell for cells in lists if isinstance(cells, list) for cell in cells]
    return [cell for cell in found if isinstance(cell, dict)] if isinstance(found, list) else None


def _joined(source: object) -> str:
    """Return a text that is kept whole or as a list of its lines."""
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _outputs(outputs: object) -> tuple[list[str], int]:
    """Return the texts of a cell's outputs, and how many pictures have none."""
    texts, pictures = [], 0
    for output in outputs if isinstance(outputs, list) else ():
        if not isinstance(output, dict):
            continue
        data = output.get("data", output)  # before nbformat 4 it lay in the output itself
        forms = data if isinstance(data, dict) else {}
        pictures += any(str(form).startswith("image/") or form in ("png", "jpeg") for form in forms)
        told = [_joined(output.get("traceback"))] if "traceback" in output else []
        if isinstance(output.get("traceback"), list):
            told = ["\n".join(str(line) for line in output["traceback"])]
        if "ename" in output and not any(told):
            told = [f"{output['ename']}: {output.get('evalue', '')}"]
        texts += told or [_joined(output.get("text")) or _plainest(forms)]
    return [COLOUR.sub("", text).strip("\n") for text in texts], pictures


def _plainest(forms: dict[str, object]) -> str:
    """Return the form of an output that says most in plain words."""
    plain = _joined(forms.get("text/plain"))
    if plain and not NO_WORDS.match(plain):  # no words, but what shows them
        return plain
    page = _joined(forms.get("text/html"))
    others = (_joined(forms.get(f"text/{form}")) for form in ("markdown", "latex"))
    data = forms.get("application/json")
    told = json.dumps(data, ensure_ascii=False) if data else ""
    return next(filter(None, (*others, webpage(page, ()).text if page else "", told)), plain)


def _described(metadata: object) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the title and what a notebook says of itself."""
    if not isinstance(metadata, dict):
        return "", ()
    fields = list(_authors(metadata.get("authors")))
    for holder in ("language_info", "kernelspec"):
        known = metadata.get(holder)
        name = known.get("name" if holder == "language_info" else "language", "") if isinstance(
            known, dict) else ""  # fmt: skip
        if isinstance(name, str) and name:
            fields.append(("kernel", _line(name)))
            break
    title = metadata.get("title")
    return _line(title) if isinstance(title, str) else "", tuple(fields)


def _authors(authors: object) -> Iterator[tuple[str, str]]:
    for author in authors if isinstance(authors, list) else ():
        name = author.get("name") if isinstance(author, dict) else author
        if isinstance(name, str) and name.strip():
            yield "author", _line(name)


def _line(text: str) -> str:
    return " ".join(encodable(text).split())
