"""Pages without text: said under an answer, and read by a model that sees, which stays told."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import pytest
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st

from ragkit import Rag
from ragkit.errors import (
    LoadError,
    ModelNotFoundError,
    ModelUnfitError,
    OllamaError,
    OllamaReplyError,
    OllamaUnreachableError,
)
from ragkit.grounding import citations
from ragkit.index.looking import Looking
from ragkit.loading.seen import with_pages
from ragkit.loading.workers import PdfWorkers
from ragkit.pdf.reading import Readers
from ragkit.pdf.second import png
from ragkit.prompting import build_prompt
from ragkit.rag.steps import result_of
from ragkit.types import Document, Heading
from tests.embedders import HashingEmbedder
from tests.office import rels
from tests.ollama_server import Server
from tests.test_cli import Terminal, here, ragkit
from tests.test_ingest import LONG_AGO_NS, write
from tests.test_pdf import no_second, paged, shown, stream
from tests.test_pptx import presentation, shape

__all__ = ["here", "no_second", "ragkit"]  # fixtures


BLANK = stream(b"0 0 100 100 re f")
IMAGE = png([memoryview(b"\x00\xff\x00\xff")] * 4, 4)


def put(file: Path, data: bytes, mtime_ns: int = LONG_AGO_NS) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)
    os.utime(file, ns=(mtime_ns, mtime_ns))
    return file


def scan(*pages: bytes) -> bytes:
    return paged(*(pages or (shown("The lighthouse was built by Anna Berg."), BLANK, BLANK)))


@pytest.fixture
def seeing(ollama: Server) -> Server:
    """A server whose model reads every image as a sentence of its own, by their order."""
    count = iter(range(1, 100))
    ollama.reply = lambda messages: f"Sign {next(count)} warns of slippery decks."
    return ollama


def asked(server: Server) -> int:
    return len(server.requests_to("/api/chat"))


def made(
    tmp_path: Path, server: Server, *, vision_model: str = "llava", chunker: str = "structure"
) -> Rag:
    return Rag(
        tmp_path / ".ragkit",
        embedder=HashingEmbedder(),
        host=server.url,
        vision_model=vision_model,
        chunker=chunker,
    )


# -- what is said under an answer


def test_an_answer_says_which_pages_of_its_file_it_could_not_know(
    here: Path, ragkit: Terminal
) -> None:
    put(here / "docs/guide.pdf", scan())
    ragkit("ingest", "docs", "--offline")
    _, out, err = ragkit("ask", "Who built the lighthouse?")
    assert "docs/guide.pdf#page=1" in out
    told = (
        "guide.pdf has pages without text (scans?): 2-3;"
        " 'ragkit ingest --vision-model llava' reads them"
    )
    assert err == f"note: {told}\n"
    assert ragkit.json("ask", "Who built the lighthouse?")["notes"] == [told]
    assert "notes" not in ragkit.json("ask", "How long does a model stay loaded?")


def test_it_says_so_in_chinese_too(here: Path, ragkit: Terminal) -> None:
    page = stream(b"BT /F1 12 Tf 72 700 Td <4142434445> Tj ET")
    text = "灯塔是谁建的灯塔由"
    cmap = b"".join(b"<%02x> <%04x>" % (0x41 + i, ord(c)) for i, c in enumerate("灯塔由安娜"))
    unicode = stream(b"begincmap 5 beginbfchar %s endbfchar endcmap" % cmap)
    data = paged(page, BLANK, extra=(unicode,)).replace(
        b"/BaseFont /Helvetica", b"/ToUnicode 8 0 R /BaseFont /Helvetica"
    )
    put(here / "docs/guide.pdf", data)
    ragkit("ingest", "docs", "--offline")
    _, _, err = ragkit("ask", f"{text[:2]}由谁建的？")
    assert "guide.pdf 有没有文字的页（扫描件？）：2；" in err


# -- a model that sees


def test_it_reads_just_the_pages_that_have_no_text(
    tmp_path: Path, seeing: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.index.looking.SHOW_EVERY_S", 0.001)  # so that it is waited for
    put(tmp_path / "docs/guide.pdf", scan())
    with made(tmp_path, seeing) as rag:
        report = rag.ingest(tmp_path / "docs")
        assert (report.new, report.pages_without_text, asked(seeing)) == (1, 0, 2)
        assert ("docs/guide.pdf", "pages 2-3 read by llava") in report.notes
        assert rag.text("docs/guide.pdf", page=2) == "Sign 1 warns of slippery decks."
        assert rag.text("docs/guide.pdf", page=3) == "Sign 2 warns of slippery decks."
        hit = rag.search("sign slippery decks")[0]
        assert hit.chunk.page in (2, 3)
        assert (hit.read_by, hit.unread) == ("llava", ())
        assert rag.search("lighthouse Anna Berg")[0].read_by == ""
        assert rag.ingest(tmp_path / "docs").read == 0
        assert asked(seeing) == 2
        assert not rag.check()
    body = seeing.requests_to("/api/chat")[0]
    (message,) = body["messages"]
    assert (body["model"], body["stream"], len(message["images"])) == ("llava", False, 1)


def test_a_chunk_over_pages_is_cited_with_the_page_of_the_quote(
    tmp_path: Path, seeing: Server
) -> None:
    put(tmp_path / "docs/guide.pdf", scan(shown("First page."), shown("Anna built it."), BLANK))
    with made(tmp_path, seeing, chunker="document") as rag:
        rag.ingest(tmp_path / "docs")
        hits = rag.search("Anna")
        text = rag.text("docs/guide.pdf")
        quotes = "“First page.” [1] “Anna built it.” [1] “Sign 1 warns of slippery decks.” [1] [1]"
        *quoted, whole = citations(quotes, hits)
        assert [(c.page, c.read_by) for c in quoted] == [(1, ""), (2, ""), (3, "llava")]
        assert [text.splitlines()[c.lines[0] - 1] for c in quoted] == [c.text for c in quoted]
        assert (whole.page, whole.read_by, hits[0].read_by) == (1, "llava", "llava")
        assert "docs/guide.pdf, pages 1-3" in build_prompt("Anna?", hits, budget_tokens=500).text


def test_a_citation_says_who_read_it(here: Path, ragkit: Terminal, seeing: Server) -> None:
    put(here / "docs/guide.pdf", scan())
    put(here / "docs/sign.png", IMAGE)
    line = ("ingest", "docs", "--offline", "--host", seeing.url, "--vision-model", "llava")
    assert ragkit(*line)[0] == 0
    _, out, _ = ragkit("ask", "What does sign 1 warn of?")
    assert "docs/guide.pdf#page=2 (read by llava)" in out
    found = ragkit.json("search", "sign slippery decks")["hits"]
    assert {hit.get("read_by") for hit in found if "Sign" in hit["text"]} == {"llava"}
    assert ragkit.json("ask", "What does sign 1 warn of?")["citations"][0]["read_by"] == "llava"


def test_what_was_read_before_without_it_is_read_again_with_it(
    tmp_path: Path, seeing: Server
) -> None:
    docs = write(tmp_path / "docs", a="A bridge.")
    put(docs / "guide.pdf", scan())
    with made(tmp_path, seeing, vision_model="") as rag:
        assert rag.ingest(docs).pages_without_text == 2
        assert asked(seeing) == 0
    with made(tmp_path, seeing) as rag:
        assert (rag.ingest(docs).read, asked(seeing)) == (1, 2)
        put(docs / "copy.pdf", scan())
        assert (rag.ingest(docs).new, asked(seeing)) == (1, 2)
        assert [one.state for one in rag.ls()] == ["indexed"] * 3
    with made(tmp_path, seeing, vision_model="") as rag:  # it stays
        assert rag.ingest(docs).read == 0
        assert rag.search("slippery decks")[0].read_by == "llava"


def test_a_page_at_which_it_sees_nothing_is_blank(tmp_path: Path, seeing: Server) -> None:
    seeing.reply = "BLANK"
    put(tmp_path / "docs/guide.pdf", scan())
    put(tmp_path / "docs/empty.png", IMAGE)
    with made(tmp_path, seeing) as rag:
        report = rag.ingest(tmp_path / "docs")
        assert ("docs/guide.pdf", "llava sees no text on pages 2-3") in report.notes
        assert ("docs/empty.png", "llava sees no text in it") in report.notes
        assert rag.status().pages_without_text == ()
        assert (rag.ingest(tmp_path / "docs").read, asked(seeing)) == (0, 3)


def test_a_slide_without_text_is_no_page_to_draw(tmp_path: Path, seeing: Server) -> None:
    deck = presentation(shape("The lighthouse was built by Anna Berg."), "")
    put(tmp_path / "docs/deck.pptx", deck)
    with made(tmp_path, seeing) as rag:
        report = rag.ingest(tmp_path / "docs")
        assert (report.new, report.failed, report.pages_without_text) == (1, (), 1)
        assert (rag.ingest(tmp_path / "docs").read, asked(seeing)) == (0, 0)
        (note,) = rag.ask("Who built the lighthouse?").notes
        assert note == "deck.pptx has pages without text (scans?): 2"


def test_fields_of_an_authors_own_do_not_say_that_it_read_the_page(tmp_path: Path) -> None:
    write(tmp_path / "docs", a="---\nread_by: Ann\n---\nThe ferry sails at noon.")
    own = '<Properties><property name="{}"><x>{}</x></property></Properties>'
    more = {
        "_rels/.rels": rels(("custom-properties", "custom.xml")),
        "custom.xml": own.format("pages_read_by", "nobody"),
    }
    deck = presentation(shape("The lighthouse was built by Anna Berg."), more=more)
    put(tmp_path / "docs/deck.pptx", deck)
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "docs")
        assert {hit.read_by for hit in rag.search("ferry or lighthouse")} == {""}
        assert rag.fields()["read_by"] == {"Ann": 1}


def test_images_are_read_and_stay_when_it_is_not_at_hand(tmp_path: Path, seeing: Server) -> None:
    docs = write(tmp_path / "docs", a="A bridge.")
    image = put(docs / "sign.png", IMAGE)
    with made(tmp_path, seeing) as rag:
        assert {one.path: one.action for one in rag.plan(docs).files} == {
            "docs/a.md": "new", "docs/sign.png": "new"
        }  # fmt: skip
        assert rag.ingest(docs).new == 2
        assert [one.type for one in rag.ls()] == ["markdown", "image"]
        put(docs / "same.png", IMAGE)
        rag.ingest(docs)
        assert asked(seeing) == 1
    with made(tmp_path, seeing, vision_model="") as rag:
        report = rag.ingest(docs)
        assert (report.removed, report.unchanged) == (0, 3)
        put(image, IMAGE + b"!", LONG_AGO_NS + 1)
        report = rag.ingest(docs)
        assert (report.removed, [one.path for one in report.failed]) == (0, ["docs/sign.png"])
        assert "--vision-model" in report.failed[0].reason
        assert "docs/sign.png" in [one.path for one in rag.ls()]


def test_without_it_images_are_skipped_as_ever(tmp_path: Path, seeing: Server) -> None:
    put(tmp_path / "docs/sign.png", IMAGE)
    with made(tmp_path, seeing, vision_model="") as rag:
        (skipped,) = rag.ingest(tmp_path / "docs").skipped
    assert skipped.reason == "binary, by its name"


def test_a_model_that_is_missing_or_blind_is_told_first(tmp_path: Path, ollama: Server) -> None:
    docs = write(tmp_path / "docs", a="A bridge.")
    with made(tmp_path, ollama, vision_model="moondream") as rag:
        with pytest.raises(ModelNotFoundError) as missing:
            rag.ingest(docs)
        assert (missing.value.exit_code, "ollama pull moondream" in missing.value.hint) == (4, True)
    with made(tmp_path, ollama, vision_model="llama3.2") as rag:
        with pytest.raises(ModelUnfitError, match=r"llama3\.2 does not take images") as unfit:
            rag.ingest(docs)
        assert unfit.value.exit_code == 4
    with made(tmp_path, ollama, vision_model="") as rag:
        assert rag.ingest(docs).new == 1


def test_failures_of_the_server_go_in_the_ledger_and_are_tried_again(
    tmp_path: Path, seeing: Server
) -> None:
    docs = tmp_path / "docs"
    put(docs / "guide.pdf", scan())
    put(docs / "sign.png", IMAGE)
    seeing.faults.eof = 2  # it is asked a second time at once
    with made(tmp_path, seeing) as rag:
        report = rag.ingest(docs)
        (failure,) = report.failed
        assert (failure.path, failure.page, failure.permanent) == ("docs/guide.pdf", 2, False)
        assert failure.reason.startswith("llava cannot read it: ")
        assert rag.text("docs/guide.pdf", page=3) == "Sign 1 warns of slippery decks."
        before = asked(seeing)
        report = rag.ingest(docs)
        assert (report.failed, report.read, asked(seeing)) == ((), 1, before + 1)
        assert rag.text("docs/guide.pdf", page=2) == "Sign 3 warns of slippery decks."
        assert rag.text("docs/guide.pdf", page=3) == "Sign 1 warns of slippery decks."
        assert not rag.check()


def test_without_anything_to_draw_with_a_page_says_so(
    no_second: None,
) -> None:
    picture = Readers(scan()).picture(2)
    assert picture.error.startswith("no image of it can be made (pip install '.[formats]'")


def test_the_image_on_a_page_will_do(no_second: None) -> None:
    document = FPDF()
    document.add_page()
    document.image(io.BytesIO(IMAGE), w=50)
    picture = Readers(bytes(document.output())).picture(1)
    assert base64.b64decode(picture.base64).startswith((b"\x89PNG", b"\xff\xd8\xff"))


def test_an_image_that_is_broken_is_told(no_second: None) -> None:
    image = stream(
        b"\xff\xd8\xff\xe0 and so on",
        b"/Type /XObject /Subtype /Image /Width 4 /Height 4 /BitsPerComponent 8"
        b" /ColorSpace /DeviceGray /Filter /NoSuchFilter",
    )
    data = paged(stream(b"/X Do"), extra=(image,)).replace(
        b"/Font << /F1 3 0 R >> >> /Contents",
        b"/Font << /F1 3 0 R >> /XObject << /X 6 0 R >> >> /Contents",
    )
    assert Readers(data).picture(1).error.startswith("it cannot be drawn: ")


class Fails:
    """A model whose server fails."""

    name = "llava"

    def __init__(self, error: OllamaError) -> None:
        self._error = error

    def __call__(self, image: bytes) -> str:
        raise self._error


def test_a_server_that_is_gone_ends_the_run_another_fault_costs_the_page() -> None:
    document = Document("", "pdf", page_starts=(0,), pages_without_text=(1,))
    with PdfWorkers() as workers:
        gone = Looking(Fails(OllamaUnreachableError("gone")), workers)
        with pytest.raises(OllamaUnreachableError):
            result_of(gone.pages(document, paged(BLANK), {}))
        with pytest.raises(OllamaUnreachableError):
            result_of(gone.image(IMAGE))
        faulty = Looking(Fails(OllamaReplyError("no reply")), workers)
        with pytest.raises(LoadError, match="llava cannot read it: no reply"):
            result_of(faulty.image(IMAGE))
        assert result_of(faulty.pages(document, paged(BLANK), {})) == (
            document, {1: "llava cannot read it: no reply"}
        )  # fmt: skip
        _, failed = result_of(faulty.pages(document, b"%PDF-", {}))
        assert failed[1].startswith("it cannot be drawn: the PDF is broken")
        gone.close()
        faulty.close()


@given(st.lists(st.sampled_from(["", "Text.", "Two\nlines."]), min_size=1, max_size=6), st.data())
def test_pages_that_are_put_in_move_what_follows(pages: list[str], data: st.DataObject) -> None:
    starts, text = [], ""
    for page in pages:
        starts.append(len(text))
        text += page + "\n\n"
    text = text[:-2]
    headings = tuple(Heading(start, 1, page) for start, page in zip(starts, pages, strict=True))
    blank = tuple(n for n, page in enumerate(pages, 1) if not page)
    before = Document(text, "pdf", headings=headings, page_starts=tuple(starts),
                      pages_without_text=blank)  # fmt: skip
    seen = data.draw(st.dictionaries(st.sampled_from(blank), st.sampled_from(["", "Seen."])) if
                     blank else st.just({}))  # fmt: skip
    after = with_pages(before, seen, "llava")
    whole = [seen.get(n, page) for n, page in enumerate(pages, 1)]
    assert after.text == "\n\n".join(whole)
    ends = [*after.page_starts[1:], len(after.text) + 2]
    assert [after.text[a : b - 2] for a, b in zip(after.page_starts, ends, strict=True)] == whole
    assert [heading.start for heading in after.headings] == list(after.page_starts)
