"""Which files hold files: one row for each kind."""

from __future__ import annotations

from ragkit.loading.archives import (
    is_packed,
    is_tar,
    is_zip,
    packed_members,
    tar_members,
    zip_members,
)
from ragkit.loading.attached import is_mail, is_mailbox, mail_members, mailbox_members
from ragkit.loading.members import Holder

HOLDERS = (
    Holder("archive", frozenset({".zip"}), is_zip, zip_members),
    Holder("archive", frozenset({".tar"}), is_tar, tar_members),
    Holder(
        "archive",
        frozenset({".gz", ".tgz", ".bz2", ".tbz", ".tbz2", ".xz", ".txz"}),
        is_packed,
        packed_members,
    ),
    Holder("mail", frozenset({".eml", ".mht", ".mhtml"}), is_mail, mail_members, has_text=True),
    Holder("mail", frozenset({".mbox"}), is_mailbox, mailbox_members, has_text=True),
)
SUFFIXES = frozenset[str]().union(*(holder.suffixes for holder in HOLDERS))
UNTOLD = frozenset({"", ".txt"})  # suffixes that say nothing of what is in a file
LOOKED_AT = 4096  # bytes at the beginning, that tell a kind


def may_hold(suffix: str) -> bool:
    """Say whether a file of this suffix is worth a look at its beginning."""
    return suffix in SUFFIXES or suffix in UNTOLD


def holder_of(data: bytes, *, suffix: str) -> Holder | None:
    """Return the kind of a file that holds files, None if it is of none.

    It is what its content says; but a suffix of another format is believed.

    Args:
        data: the file, or its beginning.
        suffix: of its name, in lower case.
    """
    for holder in HOLDERS:
        if may_hold(suffix) and holder.is_one(data, suffix):
            return holder
    return None
