"""Dates as filters and documents write them, each a stretch of time: a year, a day, a minute."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from datetime import datetime, timedelta

FORMS = "2026, 2026-05, 2026-05-31 or 2026-05-31T14:00"
DATE = re.compile(
    r"(\d{4})(?:-(\d\d?)(?:-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?"
    r" ?(?:Z|[+-]\d\d:?\d\d)?)?)?)?",
    re.ASCII | re.IGNORECASE,
)

Stretch = tuple[datetime, datetime]  # the end is exclusive


def stretch(text: str) -> Stretch | None:
    """Return the stretch of time that a date means, None if it is none.

    A time zone is passed over: a date is what a clock showed where the document was written.

    >>> [str(moment)[:10] for moment in stretch("2026-02") or ()]
    ['2026-02-01', '2026-03-01']
    >>> stretch("2026-02-30"), stretch("May 2026")
    (None, None)
    """
    found = DATE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    given = [int(part) for part in found.groups() if part is not None] if found else [0]
    year, month, day, hour, minute, second = [*given, *(1, 1, 1, 0, 0, 0)[len(given) :]]
    with suppress(ValueError, OverflowError):  # no such day; the end of time
        start = datetime(year, month, day, hour, minute, second)
        return start, _end(start, len(given))
    return None


def _end(start: datetime, parts: int) -> datetime:
    """Return the end of the year, month, day and so on that so many parts of a date name."""
    if parts == 1:
        return start.replace(year=start.year + 1)
    if parts == 2:
        return (start + timedelta(days=32)).replace(day=1)
    lengths = {3: timedelta(days=1), 5: timedelta(minutes=1), 6: timedelta(seconds=1)}
    return start + lengths[parts]
