"""What is given by name: standard input, and pages of the web, hostile ones too."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import itertools
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from click.testing import CliRunner

from ragkit import Rag
from ragkit.cli.app import cli
from ragkit.errors import ConfigError, LoadError, NothingFoundError
from ragkit.ollama import fetching
from ragkit.ollama.fetching import Fetched, Fetcher, is_public
from ragkit.types import IngestReport
from tests.archives import put, zipped
from tests.embedders import HashingEmbedder
from tests.pages import (
    PAGE,
    Pages,
    bomb,
    dripping,
    dripping_headers,
    endless,
    known_by,
    moved,
    reply,
    serving,
    silent,
)
from tests.test_damage import damage

LIMIT = 1_000_000


@pytest.fixture
def pages() -> Iterator[Pages]:
    with serving() as made:
        yield made


@pytest.fixture
def rag(tmp_path: Path) -> Iterator[Rag]:
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder(), max_file_mb=1) as made:
        yield made


def counts(report: IngestReport) -> tuple[int, int, int, int, int]:
    return report.new, report.changed, report.unchanged, report.removed, len(report.failed)


def paths(rag: Rag) -> list[str]:
    return [listed.path for listed in rag.ls()]


# -- standard input


def test_what_is_piped_in_is_replaced_by_the_next_of_its_name(tmp_path: Path, rag: Rag) -> None:
    put(tmp_path / "docs/a.md", b"a file of its own")
    rag.ingest(tmp_path / "docs")
    text = b"# Piped\n\nWords that came through a pipe."
    assert counts(rag.ingest(piped={"notes.md": text})) == (1, 0, 0, 0, 0)
    assert counts(rag.ingest(piped={"notes.md": text})) == (0, 0, 1, 0, 0)
    assert counts(rag.ingest(piped={"notes.md": b"# Piped\n\nOther words."})) == (0, 1, 0, 0, 0)
    listed = next(one for one in rag.ls() if one.path == "stdin://notes.md")
    assert (listed.title, listed.type) == ("Piped", "markdown")
    assert rag.search("other words")[0].path == "stdin://notes.md"
    assert counts(rag.ingest()) == (0, 0, 1, 0, 0)  # the folder; what was piped in stays
    put(tmp_path / "b.md", b"the base itself")
    assert rag.ingest(tmp_path).removed == 0
    assert rag.ingest(tmp_path, reread=True).removed == 0
    assert rag.text("stdin://notes.md") == "# Piped\n\nOther words."
    assert rag.shown_path("stdin://notes.md") == "stdin://notes.md"
    assert rag.remove("stdin://notes.md") == ["stdin://notes.md"]
    assert "stdin://notes.md" not in paths(rag)


def test_an_archive_may_be_piped_in(rag: Rag) -> None:
    data = zipped({"b.md": "# Inside\n\nwords", "c.md": "more"})
    rag.ingest(piped={"a.zip": data})
    assert paths(rag) == ["stdin://a.zip", "stdin://a.zip!/b.md", "stdin://a.zip!/c.md"]
    rag.ingest(piped={"a.zip": zipped({"b.md": "# Inside\n\nwords"})})
    assert paths(rag) == ["stdin://a.zip", "stdin://a.zip!/b.md"]
    rag.remove("stdin://a.zip")
    assert paths(rag) == []


def test_names_of_what_is_piped_in(rag: Rag) -> None:
    rag.ingest(piped={"../../a/b.md": b"words"})
    assert paths(rag) == ["stdin://a/b.md"]
    for name in ("", "..", "/", "x\udcff.md"):
        with pytest.raises(ConfigError, match="is no name"):
            rag.ingest(piped={name: b"words"})


def test_a_failure_of_what_is_piped_in_is_told(rag: Rag) -> None:
    report = rag.ingest(piped={"a.pdf": b"%PDF-1.4 and no more"})
    assert [failure.path for failure in report.failed] == ["stdin://a.pdf"]
    assert [failure.path for failure in rag.status().failed] == ["stdin://a.pdf"]
    assert counts(rag.ingest(piped={"b.md": b"words"})) == (1, 0, 0, 0, 0)
    plan = rag.plan(piped={"b.md": b"words", "c.md": b"others"})
    assert {one.path: one.action for one in plan.files} == {
        "stdin://b.md": "unchanged", "stdin://c.md": "new",
    }  # fmt: skip


def test_the_command_reads_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*args: str, piped: bytes = b"") -> int:
        found = CliRunner().invoke(cli, args, input=piped, standalone_mode=False)
        if found.exception:
            raise found.exception
        return int(found.return_value or 0)

    assert run("ingest", "-", "--offline", "--name", "notes.md", piped=b"# Notes\n\nwords") == 0
    assert run("ingest", "-", piped=b"plain words") == 0
    with Rag() as rag:
        assert paths(rag) == ["stdin://notes.md", "stdin://stdin.txt"]
    with pytest.raises(NothingFoundError, match="nothing came from standard input"):
        run("ingest", "-")
    with pytest.raises(ConfigError, match="--name"):
        run("ingest", "--name", "x.md")
    with pytest.raises(ConfigError, match="more than the limit of 1 MB"):
        run("ingest", "-", "--max-file-mb", "1", piped=b"x" * 1_000_001)
    with pytest.raises(ConfigError, match="no page of the web"):
        run("ingest", "ftp://example.org/a")
    with pytest.raises(ConfigError, match="was piped in") as caught:
        run("ingest", "stdin://notes.md", "--reread")
    assert caught.value.hint.endswith("ragkit ingest - --name notes.md")
    with pytest.raises(ConfigError, match="no file or folder to watch"):
        run("ingest", "-", "--watch", piped=b"words")


# -- pages


def test_a_page_is_a_document(pages: Pages, rag: Rag) -> None:
    pages.answers["/a.html"] = known_by(PAGE, etag='"one"')
    url = f"{pages.url}/a.html"
    assert counts(rag.ingest(f"{url}#bridges", allow_private=True)) == (1, 0, 0, 0, 0)
    hit = rag.search("bridge mayor")[0]
    assert (hit.path, hit.title) == (url, "Guide")
    assert counts(rag.ingest(url, allow_private=True)) == (0, 0, 1, 0, 0)
    assert [headers.get("if-none-match") for _, headers in pages.asked] == [None, '"one"']
    assert {headers["accept-encoding"] for _, headers in pages.asked} == {"identity"}
    pages.answers["/a.html"] = known_by(PAGE.replace(b"mayor", b"queen"), last_modified="today")
    assert counts(rag.ingest(allow_private=True)) == (0, 1, 0, 0, 0)  # a root, like a folder
    assert counts(rag.ingest(allow_private=True)) == (0, 0, 1, 0, 0)
    assert pages.asked[-1][1]["if-modified-since"] == "today"
    assert counts(rag.ingest(url, allow_private=True, reread=True)) == (0, 1, 0, 0, 0)
    assert "if-modified-since" not in pages.asked[-1][1]
    assert rag.status().roots == (url,)
    rag.remove(url)
    assert rag.status().roots == ()
    rag.ingest(url, allow_private=True)
    assert "if-modified-since" not in pages.asked[-1][1]  # what is gone is not known


def test_a_page_that_is_away_stays_as_it_was(tmp_path: Path, rag: Rag) -> None:
    put(tmp_path / "docs/a.md", b"a file beside it")
    with serving() as pages:
        pages.answers["/a.html"] = reply(PAGE, content_type="text/html")
        url = f"{pages.url}/a.html"
        rag.ingest(url, tmp_path / "docs", allow_private=True)
        pages.answers.clear()
        report = rag.ingest(allow_private=True)
        assert [failure.reason for failure in report.failed] == ["the server says 404 Not Found"]
    report = rag.ingest(allow_private=True)  # nothing answers any more
    assert counts(report) == (0, 0, 1, 0, 1)
    assert [failure.attempts for failure in rag.status().failed] == [2]
    assert rag.search("bridge mayor")[0].stale == (url,)
    assert counts(rag.ingest(tmp_path / "docs")) == (0, 0, 1, 0, 0)  # not of this run
    assert len(rag.status().failed) == 1
    assert [f.path for f in rag.ingest(retry_failed=True, allow_private=True).failed] == [url]
    plan = rag.plan(allow_private=True)
    assert {one.path: one.action for one in plan.files}[url] == "fail"
    assert paths(rag) == ["docs/a.md", url]


def test_the_type_is_what_the_server_says(pages: Pages, rag: Rag) -> None:
    chinese = "<html><head><title>桥</title></head><body>市长为大桥揭幕。</body></html>"
    pages.answers |= {
        "/html": reply(PAGE, content_type="text/html; charset=utf-8"),
        "/chinese": reply(chinese.encode("gb18030"), content_type="text/html; charset=GB18030"),
        "/notes.md": reply(b"# Notes\n\nwords", content_type="text/plain"),
        "/raw": reply(b"plain words", content_type="text/plain; charset=nonsense"),
        "/code.py": reply(b"def f(): ...", content_type="text/x-python"),
        "/a.zip": reply(zipped({"b.md": "# In it"}), content_type="application/zip"),
        "/none.md": reply(b"# No type"),
    }
    rag.ingest(*(f"{pages.url}{path}" for path in pages.answers), allow_private=True)
    types = {one.path.removeprefix(pages.url): (one.type, one.title) for one in rag.ls()}
    assert types == {
        "/html": ("html", "Guide"),
        "/chinese": ("html", "桥"),
        "/notes.md": ("markdown", "Notes"),
        "/raw": ("text", ""),
        "/code.py": ("code/python", ""),
        "/a.zip": ("archive", ""),
        "/a.zip!/b.md": ("markdown", "In it"),
        "/none.md": ("markdown", "No type"),
    }
    assert "大桥" in rag.text(f"{pages.url}/chinese")


# -- hostile pages


def refused(url: str, *, private: bool = True, total_s: float = 60.0) -> str:
    with pytest.raises(LoadError) as caught:
        Fetcher(LIMIT, allow_private=private, total_s=total_s)(url, {})
    return f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "192.168.1.1",
        "172.16.0.1", "100.64.0.1", "0.0.0.0", "2130706433", "0x7f.1", "127.1",
        "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
        "[fe80::1]", "[fc00::1]", "224.0.0.1", "255.255.255.255",
    ],
)  # fmt: skip
def test_what_is_not_public_is_not_asked(pages: Pages, host: str) -> None:
    port = pages.server_address[1]
    told = refused(f"http://{host}:{port}/", private=False)
    assert "no public address add --allow-private" in told or "cannot be found" in told
    assert not pages.asked


def test_public_addresses() -> None:
    for address in ("9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9", "64:ff9b::909:909"):
        assert is_public(ipaddress.ip_address(address)) or address.startswith("64:")
    assert not is_public(ipaddress.ip_address("2001:0:4136:e378:8000:63bf:3fff:fdd2"))


@pytest.fixture
def as_if_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server of these tests, and it alone, be of the public net."""
    monkeypatch.setattr(fetching, "is_public", lambda address: str(address) == "127.0.0.1")


@pytest.mark.usefixtures("as_if_public")
@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.2:{port}/", "http://169.254.169.254/latest/meta-data/", "//10.0.0.1/",
     "http://[::1]:{port}/"],
)  # fmt: skip
def test_each_redirect_is_checked(pages: Pages, target: str) -> None:
    pages.answers["/a"] = moved(target.format(port=pages.server_address[1]))
    assert "no public address" in refused(f"{pages.url}/a", private=False)
    assert len(pages.asked) == 1


@pytest.mark.usefixtures("as_if_public")
def test_a_name_is_resolved_once(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = socket.getaddrinfo, []

    def rebinding(host: str, port: int, *args: object, **more: object) -> object:
        if host != "rebind.test":
            return real(host, port, *args, **more)  # type: ignore[arg-type]
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.2", port, type=socket.SOCK_STREAM)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    pages.answers["/"] = reply(b"words", content_type="text/plain")
    port = pages.server_address[1]
    assert Fetcher(LIMIT)(f"http://rebind.test:{port}/", {}).data == b"words"
    assert asked == ["rebind.test"]
    assert pages.asked[0][1]["host"] == f"rebind.test:{port}"
    assert "no public address" in refused(f"http://rebind.test:{port}/", private=False)


def test_redirects_are_followed_and_have_an_end(pages: Pages) -> None:
    pages.answers |= {
        "/a": moved("b?x=1#there"),
        "/b?x=1": moved(f"{pages.url}/c"),
        "/c": reply(b"words", content_type="text/plain"),
        "/round": moved("/round"),
        "/file": moved("file:///etc/passwd"),
        "/ftp": moved("ftp://127.0.0.1/"),
        "/password": moved("http://me:secret@127.0.0.1/"),
        "/nowhere": reply(b"", "302 Found"),
        "/odd": moved("http://[::1"),
    }
    assert Fetcher(LIMIT, allow_private=True)(f"{pages.url}/a", {}).data == b"words"
    assert "more than 5 redirects" in refused(f"{pages.url}/round")
    assert "no address of the web" in refused(f"{pages.url}/file")
    assert "no address of the web" in refused(f"{pages.url}/ftp")
    assert "password" in refused(f"{pages.url}/password")
    assert "302" in refused(f"{pages.url}/nowhere")
    assert refused(f"{pages.url}/odd")
    assert "is no address" in refused("http://a b\0/")
    assert "cannot be found" in refused("http://nothing.invalid/")


def test_what_has_no_end_is_ended(pages: Pages) -> None:
    pages.answers |= {
        "/endless": endless,
        "/declared": reply(b"", content_length=str(10**15)),
        "/bomb": bomb(500_000_000 // 50),
        "/drip": dripping,
        "/headers": dripping_headers,
        "/silent": silent,
    }
    for path in ("/endless", "/declared", "/bomb"):
        assert "more than the limit of 1 MB" in refused(f"{pages.url}{path}")
    for path in ("/drip", "/headers", "/silent"):
        assert "was not there within" in refused(f"{pages.url}{path}", total_s=0.3)


def test_an_interrupt_does_not_wait_for_a_page(pages: Pages) -> None:
    heard_out, is_cut = [], Event()

    def presses(pages: Pages, headers: dict[str, str]) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        os.kill(os.getpid(), signal.SIGINT)
        try:
            yield from itertools.islice(dripping(pages, headers), 250)
            heard_out.append(headers)
        finally:
            is_cut.set()

    pages.answers["/"] = presses
    with pytest.raises(KeyboardInterrupt):
        refused(f"{pages.url}/")
    assert is_cut.wait(10)
    assert not heard_out


def test_what_is_broken_is_told(pages: Pages) -> None:
    packed = gzip.compress(b"words" * 100)
    pages.answers |= {
        "/short": reply(b"words", content_length="50"),
        "/garbage": b"\x00\x01 this is no HTTP\r\n\r\n",
        "/empty": b"",
        "/404": reply(b"", "404 Not Found"),
        "/304": reply(b"", "304 Not Modified"),
        "/br": reply(b"x", content_encoding="br"),
        "/damaged": reply(b"x" + packed, content_encoding="gzip"),
        "/cut": reply(packed[:-9], content_encoding="gzip"),
        "/gzip": reply(packed, content_encoding="gzip"),
    }
    for path in ("/short", "/garbage", "/empty"):
        assert "could not be fetched" in refused(f"{pages.url}{path}")
    for path in ("/short", "/garbage"):  # no TLS is spoken there; what it takes is made once
        assert "could not be fetched" in refused(f"{pages.url.replace('http:', 'https:')}{path}")
    assert fetching._context.cache_info().misses == 1
    assert "404 Not Found" in refused(f"{pages.url}/404")
    assert "304" in refused(f"{pages.url}/304")
    assert "as br, which was not asked for" in refused(f"{pages.url}/br")
    assert "compressed and damaged" in refused(f"{pages.url}/damaged")
    assert "compressed and cut off" in refused(f"{pages.url}/cut")
    got = Fetcher(LIMIT, allow_private=True)(f"{pages.url}/gzip", {})
    assert got == Fetched(b"words" * 100)


def test_a_page_may_be_fetched_from_within_a_loop(pages: Pages) -> None:
    pages.answers["/"] = reply(b"words")

    async def main() -> bytes:
        return Fetcher(LIMIT, allow_private=True)(f"{pages.url}/", {}).data

    assert asyncio.run(main()) == b"words"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(b"", "302 Found", location="http://127.0.0.1:99999/"), "has no such port"),
        (reply(b"", "302 Found", location="http://u:p@127.0.0.1/"), "an address with a password"),
        (
            reply(gzip.compress(b"one") + gzip.compress(b"two"), content_encoding="gzip"),
            "compressed in several parts",
        ),
        (reply(b"", "302 Found", location="http://[::1"), "it could not be fetched"),
    ],
)
def test_an_odd_reply_costs_the_page_alone(
    rag: Rag, tmp_path: Path, pages: Pages, answer: bytes, reason: str
) -> None:
    pages.answers["/a"] = answer
    put(tmp_path / "docs/a.md", b"a file")
    report = rag.ingest(tmp_path / "docs", f"{pages.url}/a", allow_private=True)
    assert (report.new, len(report.failed)) == (1, 1)
    assert reason in report.failed[0].reason


def test_a_password_in_an_address_is_kept_nowhere(rag: Rag, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the index would keep it") as refused:
        rag.ingest("http://ann:s3cret@example.org/")
    assert "s3cret" not in str(refused.value)
    assert not (tmp_path / ".ragkit").exists()


def test_tags_that_cannot_be_sent_back_are_not_kept(rag: Rag, pages: Pages) -> None:
    pages.answers["/a"] = reply(PAGE, content_type="text/html").replace(
        b"\r\n\r\n", '\r\nETag: "café"\r\n\r\n'.encode("latin-1"), 1
    )
    for expected in ((1, 0, 0, 0, 0), (0, 0, 1, 0, 0)):
        assert counts(rag.ingest(f"{pages.url}/a", allow_private=True)) == expected


def test_what_failed_of_a_page_that_has_not_changed_fails_again(rag: Rag, pages: Pages) -> None:
    data = zipped({"a.md": "# Tea", "b.pdf": b"%PDF-1.4 broken"})
    pages.answers["/a.zip"] = known_by(data, "application/zip", etag='"1"')
    for retry in (False, False, True):
        report = rag.ingest(
            *(() if retry else (f"{pages.url}/a.zip",)), allow_private=True, retry_failed=retry
        )
        assert [failure.path for failure in report.failed] == [f"{pages.url}/a.zip!/b.pdf"]


def test_members_that_wait_for_vectors_are_read_again(rag: Rag, pages: Pages) -> None:
    pages.answers["/a.zip"] = known_by(zipped({"a.md": "# Tea"}), "application/zip", etag='"1"')
    rag.ingest(f"{pages.url}/a.zip", allow_private=True)
    damage(rag.reader().index.folder, "UPDATE vectors SET seal=x''")
    rag.repair()
    assert rag.ingest(allow_private=True).embedded == 1


def test_the_charset_of_what_is_no_text_is_passed_over(rag: Rag, pages: Pages) -> None:
    archive = zipped({"a.md": "# Tea"})
    pages.answers["/a"] = reply(archive, content_type="application/zip;charset=ISO-8859-1")
    pages.answers["/b"] = reply(b"plain", content_type="text/plain;charset=punycode")
    rag.ingest(f"{pages.url}/a", f"{pages.url}/b", allow_private=True)
    assert rag.text(f"{pages.url}/a!/a.md") == "# Tea"
    assert rag.text(f"{pages.url}/b") == "plain"


def test_a_page_that_is_passed_over_can_be_removed(rag: Rag, pages: Pages) -> None:
    pages.answers["/a.png"] = reply(b"\x89PNG", content_type="image/png")
    rag.ingest(f"{pages.url}/a.png", allow_private=True)
    assert rag.status().roots == (f"{pages.url}/a.png",)
    rag.remove(f"{pages.url}/a.png")
    assert rag.status().roots == ()


@pytest.mark.parametrize("inner", ["64:ff9b:1::7f00:1", "fec0::1", "::127.0.0.1"])
def test_addresses_of_inner_nets_are_not_public(inner: str) -> None:
    assert not is_public(ipaddress.ip_address(inner))


def test_a_damaged_text_that_was_piped_in_is_told_until_it_is_piped_in_again(
    rag: Rag, tmp_path: Path
) -> None:
    put(tmp_path / "docs/a.md", b"a file")
    rag.ingest(tmp_path / "docs", piped={"n.md": b"# Tea"})
    damage(tmp_path / ".ragkit", "UPDATE sources SET size=99 WHERE path='stdin://n.md'")
    rag.ingest(tmp_path / "docs")
    assert rag.check()
    assert any("pipe it in again" in line for line in rag.repair().lost)


def test_a_damaged_page_is_told_and_fetched_again(rag: Rag, pages: Pages, tmp_path: Path) -> None:
    pages.answers["/a"] = known_by(b"<p>Tea", etag='"1"')
    page = f"{pages.url}/a"
    rag.ingest(page, allow_private=True)
    for mend in (rag.repair, lambda: None):
        damage(tmp_path / ".ragkit", "UPDATE sources SET size=99")
        if repaired := mend():
            assert (
                f"{page}: its text, or part of it, is lost; 'ragkit ingest' fetches it again"
                in (repaired.lost)
            )
        rag.ingest(allow_private=True)
        assert rag.text(page) == "Tea"
        assert rag.check() == []


@pytest.mark.parametrize(
    "to", ["http://a..b/", "http://[::1", "http://127.0.0.1:99999/", "\x7f", "http://xn--a/"]
)
def test_a_redirect_to_what_is_no_address_costs_the_page(rag: Rag, pages: Pages, to: str) -> None:
    pages.answers["/a"] = moved(to)
    report = rag.ingest(f"{pages.url}/a", allow_private=True)
    assert len(report.failed) == 1
