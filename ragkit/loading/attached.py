"""What is attached to mails, as members of theirs; a mail that is attached has its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ragkit.loading.formats import told_type
from ragkit.loading.mail import attachments, attachments_in_box
from ragkit.loading.members import MOST_NAME, Budget, Member, cleaned, suffix_of


def is_mail(data: bytes, suffix: str) -> bool:
    """Say whether a file is read as a mail."""
    return told_type(data, suffix=suffix) == "eml"


def is_mailbox(data: bytes, suffix: str) -> bool:
    """Say whether a file is read as a mailbox."""
    return told_type(data, suffix=suffix) == "mbox"


def mail_members(data: bytes, name: str, budget: Budget) -> Iterator[Member]:
    """Yield what is attached to a mail; of several of one name each has its number.

    Raises:
        LoadError: its parts are nested too deep, or are too many.
    """
    return _members(attachments(data), budget)


def mailbox_members(data: bytes, name: str, budget: Budget) -> Iterator[Member]:
    """Yield what is attached to the mails of a mailbox, below the mails' numbers.

    Raises:
        LoadError: parts are nested too deep, or are too many.
    """
    return _members(attachments_in_box(data), budget)


def _members(attached: Iterable[tuple[str, bytes]], budget: Budget) -> Iterator[Member]:
    taken: set[str] = set()
    for number, (given, content) in enumerate(attached, 1):
        path = cleaned(given)[-MOST_NAME:] or f"part {number}"
        while path in taken:  # another may be called "a (3).txt" itself
            suffix = suffix_of(path)
            path = f"{path[: len(path) - len(suffix)]} ({number}){suffix}"
        taken.add(path)
        budget.spend(1, len(content))
        yield Member(path, content, budget.too_large(len(content)))
