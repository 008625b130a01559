"""Lines that fit a terminal, in any script, whole or streamed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.cli.app import run
from ragkit.cli.output import table
from ragkit.cli.wrapping import CLOSING, Wrapper, terminal_columns, width, wrapped
from tests.test_ingest import write

LINK = re.compile("\x1b]8;;.*?\x1b\\\\")  # what a terminal does not show
TEXTS = st.text(st.sampled_from("ab c.，模型在。\n\u0301`[1]"), max_size=80)


@contextlib.contextmanager
def terminal(columns: int) -> Iterator[list[str]]:
    """Make standard output a terminal of a width; what was written is in the list afterwards."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    written: list[str] = []
    with os.fdopen(theirs, "w") as stdout, contextlib.redirect_stdout(stdout):
        yield written
    data = b""
    with contextlib.suppress(OSError):  # the end, as terminals tell it
        while block := os.read(ours, 10_000):
            data += block
    os.close(ours)
    written += data.decode().replace("\r\n", "\n").split("\n")


@given(TEXTS, st.integers(20, 40))
def test_no_letter_is_lost_and_every_line_fits(text: str, columns: int) -> None:
    found = wrapped(text, columns)
    assert "".join(found.split()) == "".join(text.split())
    fenced = False
    for line in found.split("\n"):
        fenced ^= line.lstrip().startswith("```")
        words = line.split()
        if width(line.rstrip()) > columns and not fenced:  # a word of its own, or closing marks
            assert len(words) <= 1 or "```" in text
    assert wrapped(text, None) == text


@given(TEXTS, st.integers(1, 5))
def test_pieces_are_broken_as_the_whole_is(text: str, size: int) -> None:
    wrapper = Wrapper(20)
    pieces = [wrapper.feed(text[i : i + size]) for i in range(0, len(text), size)]
    assert "".join(pieces) + wrapper.end() == wrapped(text, 20)


def test_lines_of_chinese_end_anywhere_but_before_a_closing_mark() -> None:
    text = "模型默认在内存中保留五分钟。" * 4
    lines = wrapped(text, 20).split("\n")
    assert all(width(line) <= 22 for line in lines)
    assert not any(line[0] in CLOSING for line in lines)
    assert len(lines) == 6


def test_code_in_a_fence_stays_as_it_is() -> None:
    code = "curl http://127.0.0.1:11434/api/chat -d @body.json"
    text = f"Like so, in a shell of yours:\n```\n{code}\n```\nand that is all there is to it."
    lines = wrapped(text, 20).split("\n")
    assert code in lines
    assert lines[-2:] == ["and that is all", "there is to it."]


def test_a_table_goes_on_below_its_last_column() -> None:
    rows = [("a.md", "A title that is long enough to be broken"), ("说明.md", "短")]
    with terminal(32):
        found = table(rows, ("path", "title"))
    assert found == (
        "path     title\na.md     A title that is long\n         enough to be broken\n说明.md  短"
    )
    with terminal(20):  # too narrow for it
        assert table(rows, ("path", "title")).count("\n") == 2


@pytest.fixture
def indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(
        tmp_path / "docs",
        bridge="# Bridges\n\nThe bridge over the river was opened by the mayor in 1987.\n",
        说明="# 说明\n\n模型默认在内存中保留五分钟，之后服务端会把它卸载并归还内存。\n",
    )
    monkeypatch.chdir(tmp_path)
    assert run(["ingest", "docs", "--offline", "-q"]) == 0
    return tmp_path


def test_answers_passages_and_checks_fit_the_terminal(indexed: Path) -> None:
    with terminal(40) as said:
        run(["ask", "Who opened the bridge over the river?"])
    assert said[:2] == ["“The bridge over the river was opened by", "the mayor in 1987.” [1]"]
    with terminal(40) as linked:
        run(["search", "模型保留多久", "-k", "1"])
    said = [LINK.sub("", line) for line in linked]
    assert all(width(line) <= 40 for line in said)
    assert [line[:3] for line in said[1:-1]] == ["   "] * (len(said) - 2)
    with terminal(60) as said:
        run(["doctor", "--no-probe", "--host", "127.0.0.1:9"])
    assert max(map(width, said)) <= 60
    assert not any(line and line[0].isspace() and line[:22].strip() for line in said)


def test_a_pipe_is_left_alone(indexed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal_columns() is None
    capsys.readouterr()
    run(["ask", "Who opened the bridge over the river?"])
    assert capsys.readouterr().out.splitlines()[0] == (
        "“The bridge over the river was opened by the mayor in 1987.” [1]"
    )
