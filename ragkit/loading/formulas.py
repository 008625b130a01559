"""A formula of a Word document in one line: x^2, (a+b)/(2), √(x)."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from ragkit.loading.xmltree import child, local, value

SIGNS = {"nary": "∫", "groupChr": "\u23df", "acc": "\u0302"}  # what these have unless they say
FORMS = {
    "num": "({})", "den": "/({})", "rad": "√({})", "mr": "{}; ",
    "sup": "^({})", "sub": "_({})", "deg": "{}:",
}  # fmt: skip


def formula(element: Element) -> str:
    """Return the text of a formula; what it is made of is kept, how it is set is not."""
    return "".join(_written(one) for one in element)


def _written(element: Element) -> str:
    name = local(element.tag)
    if name == "t":
        return element.text or ""
    inner = formula(element)
    if name == "d":
        return _stated(element, "begChr", "(") + inner + _stated(element, "endChr", ")")
    if name in SIGNS:
        sign = _stated(element, "chr", SIGNS[name])
        return sign + inner if name == "nary" else inner + sign
    form = FORMS.get(name, "{}") if inner else ""
    if name in ("sup", "sub") and len(inner) == 1:
        form = form[0] + "{}"
    return form.format(inner)


def _stated(element: Element, name: str, default: str) -> str:
    found = child(element, f"{local(element.tag)}Pr", name)
    return value(found, "val") if found is not None else default
