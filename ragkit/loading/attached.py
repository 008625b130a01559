"""What is attached to mails, as members of theirs; a mail that is attached has its own."""

from __future__ import annotations

from collections.abc import Iterator

from ragkit.loading.formats import told_type
from ragkit.loading.mail import attachments
from ragkit.loading.members import MOST_NAME, Budget, Member, cleaned, suffix_of

MAIL = "eml"  # the type


def is_mail(data: bytes, suffix: str) -> bool:
    """Say whether a file is read as a mail."""
    return told_type(data, suffix=suffix) == MAIL


def mail_members(data: bytes, name: str, budget: Budget) -> Iterator[Member]:
    """Yield what is attached to a mail; of several of one name each has its number.

    Raises:
        LoadError: its parts are nested too deep, or are too many.
    """
    taken: set[str] = set()
    for number, (given, content) in enumerate(attachments(data), 1):
        path = cleaned(given)[-MOST_NAME:] or f"part {number}"
        if path in taken:
            suffix = suffix_of(path)
            path = f"{path[: len(path) - len(suffix)]} ({number}){suffix}"
        taken.add(path)
        budget.spend(1, len(content))
        yield Member(path, content, budget.too_large(len(content)))
