"""What a spreadsheet's numbers mean: days since 1900 are dates, if their format shows such."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

DAYS = datetime(1899, 12, 30)
DAYS_1904 = datetime(1904, 1, 1)
LAST_DAY = 2_958_466  # the first of 10000
BUILT_IN = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 34, 35, 36, *range(50, 59)), "date"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 45, 47), "time"),
    **dict.fromkeys((9, 10), "percent"),
    22: "moment",
    46: "duration",
}
LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]|am/pm|a/p|general', re.I)
# A word that is not quoted, such as "Standard": it has letters that are no codes.
WORD = re.compile(r"(?<![a-zß-ž])(?!(?:[ymdhsgeab]|(?<=d)t(?=h))++(?![a-zß-ž]))[a-zß-ž]{2,}")
FIGURES = re.compile(r"(?<!s[.,])(?<!s[.,]0)(?<!s[.,]00)[0#?]")  # and no parts of seconds
DURATION = re.compile(r"\[[hms]+\]", re.I)
LONGEST = 1_000  # characters of a format; programs write 255 at the most
ZEROS = re.compile(r"0{2,15}")  # a postcode: so many figures
EXACT = re.compile(r"-?\d{1,15}(?:\.\d{1,6})?")


def format_kind(code: str) -> str:
    """Return what a number format shows: "date", "time", "moment", "duration", "percent" or "".

    Of one that shows a number of figures it is their zeros: "00000".

    >>> [format_kind(code) for code in ("yyyy-mm-dd", 'h:mm AM/PM', "[h]:mm", "0.0%", '0 "days"')]
    ['date', 'time', 'duration', 'percent', '']
    >>> format_kind("d.m.yy h:mm"), format_kind("General"), format_kind('[$-409]mmm yy;@')
    ('moment', '', 'date')
    >>> format_kind("Standard"), format_kind("0 Stück"), format_kind("mm:ss.000")
    ('', '', 'time')
    >>> format_kind("00000"), format_kind("0")
    ('00000', '')
    """
    code = code[:LONGEST]
    if DURATION.search(code):
        return "duration"
    shown = LITERAL.sub("", code).partition(";")[0].lower()
    codes = "" if FIGURES.search(shown) else WORD.sub("", shown)
    of_time = "h" in codes or "s" in codes
    of_date = "y" in codes or "d" in codes or ("m" in codes and not of_time)
    if of_time or of_date:
        return "moment" if of_time and of_date else "time" if of_time else "date"
    return "percent" if "%" in shown else shown if ZEROS.fullmatch(shown) else ""


def shown_number(stored: str, kind: str, *, since_1904: bool = False) -> str:
    """Return a number as it is meant; with fifteen digits, which is all that a sheet shows.

    >>> [shown_number("45292.5", kind) for kind in ("moment", "date", "time")]
    ['2024-01-01T12:00:00', '2024-01-01T12:00:00', '12:00:00']
    >>> shown_number("45292", "date"), shown_number("1", "date")
    ('2024-01-01', '1900-01-01')
    >>> shown_number("0.30000000000000004", ""), shown_number("0.285", "percent")
    ('0.3', '28.5%')
    >>> shown_number("1067", "00000"), shown_number("1.5", "000")
    ('01067', '1.5')
    >>> shown_number("1.5", "duration"), shown_number("-3", "date"), shown_number("x", "date")
    ('36:00:00', '-3', 'x')
    """
    if not kind and EXACT.fullmatch(stored):
        return stored
    try:
        return _shown(float(stored), kind, since_1904=since_1904)
    except (ValueError, OverflowError):
        return stored


def _shown(number: float, kind: str, *, since_1904: bool) -> str:
    if kind == "percent":
        return f"{number * 100:.15g}%"
    if kind == "duration":
        seconds = round(number * 86_400)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if kind[:1] == "0":
        return f"{number:0{len(kind)}.0f}" if number.is_integer() else f"{number:.15g}"
    if kind and 0 <= number < LAST_DAY:
        return _moment(number, kind, since_1904=since_1904)
    return f"{number:.15g}"


def _moment(number: float, kind: str, *, since_1904: bool) -> str:
    if not since_1904 and number < 60:  # 1900 has a 29th of February there
        number += 1
    moment = (DAYS_1904 if since_1904 else DAYS) + timedelta(seconds=round(number * 86_400))
    if kind == "time":
        return moment.time().isoformat()
    if kind == "date" and moment.time() == datetime.min.time():
        return moment.date().isoformat()
    return moment.isoformat()
