"""What a web page says of itself in its head: author, dates, language and so on, as fields."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ragkit.loading.writing import tags

METAS = {
    "author": "author", "article:author": "author", "dc.creator": "author",
    "dcterms.creator": "author", "citation_author": "author",
    "description": "description", "dc.description": "description", "og:description": "description",
    "keywords": "tag", "article:tag": "tag", "dc.subject": "tag", "citation_keywords": "tag",
    "date": "date", "dc.date": "date", "dcterms.modified": "date", "article:modified_time": "date",
    "last-modified": "date", "datemodified": "date", "revised": "date", "dcterms.date": "date",
    "article:published_time": "created", "dcterms.created": "created", "datepublished": "created",
    "citation_publication_date": "created", "dc.language": "language",
}  # fmt: skip
ISO = re.compile(r"\s*\d{4}-\d\d(?:-\d\d(?:[T ]|\s*$)|\s*$)")


def page_fields(tag: str, attributes: dict[str, str | None]) -> list[tuple[str, str]]:
    """Return what an element of a page's head says of the page.

    >>> page_fields("meta", {"name": "Author", "content": "Ann"})
    [('author', 'Ann')]
    >>> page_fields("meta", {"name": "date", "content": "1 May"})
    [('date-as-written', '1 May')]
    """
    if tag == "html":
        return [("language", attributes.get("lang") or attributes.get("xml:lang") or "")]
    name = attributes.get("name") or attributes.get("property") or attributes.get("itemprop") or ""
    content = attributes.get("content") or ""
    field = METAS.get(name.lower(), "") if tag == "meta" else ""
    if field == "tag":
        return tags(content)
    if field in ("date", "created") and not ISO.match(content):
        field += "-as-written"
    return [(field, content)] if field else []


def first_of_each(fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return one field of a name, as a page says the same to many; but all tags and authors."""
    found: dict[tuple[str, str], str] = {}
    for name, text in fields:
        found.setdefault((name, text if name in ("tag", "author") else ""), text)
    return tuple((name, text) for (name, _), text in found.items())
