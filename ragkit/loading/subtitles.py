"""Subtitles (SRT, WebVTT): what is said, without styling, each cue at its time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from itertools import zip_longest

from ragkit.loading.writing import counted
from ragkit.types import Document

TIME = re.compile(
    r"[ \t]*-?(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,]\d{1,3}[ \t]*-->[ \t]*-?[\d:.,]+([^\r\n]*)$"
)
LINE_END = re.compile(r"\r\n|\r|\n")
VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]([^<>]{1,100})>")
MARKUP = re.compile(  # other words in angles, such as "<laughs>", are said to be heard
    r"</?(?:(?:[biuscv]|font|span|em|strong|lang|ruby|rt|br)\b[^<>]{0,200}|[\d:.]{3,12})>"
    r"|\{\\[^{}]{0,100}\}",
    re.I,
)
ENDS = re.compile(r"[.!?…。！？♪\"”』」)\]:]$|[\u2e80-\U0003ffff]$")
BLOCKS = re.compile(r"(STYLE|REGION)\s*$")


def srt(text: str, notes: tuple[str, ...]) -> Document:
    r"""Return what is said in SubRip subtitles.

    >>> srt("1\n00:01:02,500 --> 00:01:04,000\n<i>Hello.</i>\n", ())
    ... # doctest: +ELLIPSIS
    Document(text='Hello.', type='srt', ... places=((0, '@00:01:02'),), fields=())
    """
    return _said(text, "srt", notes, lambda line: line)


def vtt(text: str, notes: tuple[str, ...]) -> Document:
    r"""Return what is said in WebVTT subtitles; who says it stands before it.

    >>> vtt("WEBVTT\n\n01:02.000 --> 01:03.000\n<v Ann>Tea &amp; milk\n", ()).text
    'Ann: Tea & milk'
    """
    return _said(text, "vtt", notes, unescape)


class _Writer:
    """Joins the lines of cues: a sentence that goes on in the next is one line."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.places: list[tuple[int, str]] = []
        self.repeated = 0
        self._length = 0
        self._last = ""

    def write(self, line: str, place: str, *, is_new: bool) -> None:
        """Add a line; one that repeats the last, as captions do that roll, is counted."""
        if line == self._last:
            self.repeated += 1
            return
        goes_on = self.parts and not is_new and not ENDS.search(self._last)
        between = " " if goes_on else "\n" if self.parts else ""
        at = self._length + len(between)
        if place != (self.places[-1][1] if self.places else ""):
            self.places.append((at, place))
        self.parts += [between, line]
        self._length = at + len(line)
        self._last = line


def _said(text: str, kind: str, notes: tuple[str, ...], plain: Callable[[str], str]) -> Document:
    lines = LINE_END.split(text)
    times = [TIME.match(line) if "-->" in line else None for line in lines]
    if not any(times):
        if text.strip():
            notes = (*notes, "it has no cues with times: read as plain text")
        return Document(text, kind, notes=notes)
    writer = _Writer()
    place, speaker = "", ""
    is_styled = False
    dropped = False
    unsaid = _numbers(lines, times)
    names = set(_names(lines, times)) - unsaid if kind == "vtt" else set()
    unsaid |= names
    for i, line in enumerate(lines):
        if time := times[i]:
            hours, minutes, seconds = (int(part or 0) for part in time.groups()[:3])
            place, speaker, is_styled = f"@{hours:02}:{minutes:02}:{seconds:02}", "", False
            continue
        if not line.strip():
            is_styled = False
            continue
        if i in unsaid or (kind == "vtt" and not i):
            continue  # a cue's number or name; what the file is
        if kind == "vtt" and BLOCKS.match(line):
            is_styled = dropped = True
        if is_styled:
            continue
        voice = VOICE.search(line)
        named = f"{voice[1].strip()}: " if voice and voice[1].strip() != speaker else ""
        speaker = voice[1].strip() if voice else speaker
        said = " ".join(plain(MARKUP.sub("", line)).split())
        if said:
            writer.write(
                named + said, place, is_new=bool(named) or said.startswith(("-", "–", "—"))
            )
    if dropped:
        notes = (*notes, "styles are left out")
    if names:
        notes = (*notes, counted(len(names), "name| of a cue is left out"))
    if writer.repeated:
        notes = (*notes, f"{writer.repeated:,} lines that repeat the one before are left out")
    return Document("".join(writer.parts), kind, notes=notes, places=tuple(writer.places))


def _is_above(times: Sequence[object], i: int, lines: list[str]) -> bool:
    """Say whether a line stands right above a time, and nothing right above itself."""
    return i + 1 < len(times) and bool(times[i + 1]) and (i == 0 or not lines[i - 1].strip())


def _names(lines: list[str], times: Sequence[object]) -> Iterator[int]:
    """Yield which lines are names of cues in WebVTT."""
    for i, line in enumerate(lines):
        if i and _is_above(times, i, lines) and line.strip() and " " not in line.strip():
            yield i


def _numbers(lines: list[str], times: Sequence[object]) -> set[int]:
    """Return which lines are numbers of cues: those that go on counting, as what is said does not.

    Where no blank line is before it, a number must follow the last one.
    """
    found = [
        (i - 1, int(lines[i - 1]))
        for i, time in enumerate(times)
        if time and i and lines[i - 1].strip().isdecimal() and len(lines[i - 1]) < 10
    ]
    real: set[int] = set()
    last, ahead = -1, [number for _, number in found[1:]]
    for (i, number), following in zip_longest(found, ahead):
        counts = number == last + 1 or (
            _is_above(times, i, lines) and (i == 0 or number <= 1 or following == number + 1)
        )
        if counts:
            real.add(i)
            last = number
    return real
