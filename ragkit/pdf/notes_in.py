"""What stands on a page but not in its text: values of form fields, and what annotations say."""

from __future__ import annotations

from typing import Any

DEEPEST = 32  # fields within fields
MOST = 5000  # annotations of a page
PUSHED = 1 << 16  # a field's flag: a button, which has no value
SILENT = frozenset({"/Link", "/Popup", "/Widget"})  # their contents are for who cannot see them


def notes_in(page: Any) -> tuple[str, str]:  # noqa: ANN401 - pypdf's page
    """Return a line for each form field that has a value and each annotation that says something.

    Beside them: what is missing, if there are too many.

    A field's line is "name: value", an annotation's has its author before it. Nothing that a field
    or annotation would do is done.
    """
    found: dict[str, None] = {}
    annotations = _plain(page.get("/Annots"))
    annotations = annotations if isinstance(annotations, list) else []
    for one in annotations[:MOST]:
        note = _plain(one)
        if not isinstance(note, dict):
            continue
        kind = _plain(note.get("/Subtype"))
        if kind == "/Widget":
            said = _field(note)
        elif kind in SILENT:
            said = ""
        else:
            said = _text(note.get("/Contents"))
            if kind == "/FileAttachment":
                file = _plain(note.get("/FS"))
                is_known = isinstance(file, dict)
                name = _text(file.get("/UF")) or _text(file.get("/F")) if is_known else _text(file)
                said = f"Attached: {name} {said}".rstrip()
            author = _text(note.get("/T"))
            said = f"{author}: {said}" if said and author else said
        if said:
            found[said] = None
    is_cut = len(annotations) > MOST
    return "\n".join(found), f"only {MOST:,} of its annotations are read" if is_cut else ""


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a PDF has there
    return value.get_object() if hasattr(value, "get_object") else value


def _text(value: Any) -> str:  # noqa: ANN401
    """Return a text, or the name of a choice, in one line."""
    value = _plain(value)
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return " ".join(value.split()).removeprefix("/") if isinstance(value, str) else ""


def _shown(value: Any, choices: Any) -> str:  # noqa: ANN401
    """Return what a viewer shows of a value: of a choice its words, not what a form would send."""
    words = {}
    for choice in choices[:MOST] if isinstance(choices, list) else ():
        pair = _plain(choice)
        if isinstance(pair, list) and len(pair) == 2:
            words[_text(pair[0])] = _text(pair[1])
    chosen = value[:MOST] if isinstance(value, list) else [value]
    return ", ".join(filter(None, (words.get(said, said) for said in map(_text, chosen))))


def _field(widget: Any) -> str:  # noqa: ANN401
    """Return a form field as "name: value", "" if it has none; a part of it may be its parent's."""
    names: list[str] = []
    value: Any = None
    flags, kind, choices = None, None, None
    at: Any = widget
    for _ in range(DEEPEST):
        if not isinstance(at, dict):
            break
        if name := _text(at.get("/T")):
            names.append(name)
        value = value or _plain(at.get("/V"))
        flags = _plain(at.get("/Ff")) if flags is None else flags
        kind = kind or _plain(at.get("/FT"))
        choices = choices or _plain(at.get("/Opt"))
        at = _plain(at.get("/Parent"))
    is_button = kind == "/Btn"
    value = _shown(value, choices if kind == "/Ch" else None)
    if not value or (is_button and (value == "Off" or int(flags or 0) & PUSHED)):
        return ""
    label = _text(widget.get("/TU")) or ".".join(reversed(names))
    return f"{label}: {value}" if label else value
