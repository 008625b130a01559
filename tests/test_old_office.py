"""Old Office files and those with a password: what can be read, and what to do with the rest."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import xlwt

from ragkit.errors import LoadError
from ragkit.loading.formats import is_binary, load
from ragkit.loading.ole import OLE, ole_type
from tests.office import docx, p, read


def container(*streams: str, at: int = 1) -> bytes:
    """Return a container of old Office programs: its header, and a directory of streams."""
    header = bytearray(OLE.ljust(512, b"\0"))
    struct.pack_into("<H", header, 30, 9)
    struct.pack_into("<l", header, 48, at - 1)
    directory = b""
    for name in ("Root Entry", *streams):
        coded = name.encode("utf-16-le")
        directory += coded.ljust(64, b"\0") + struct.pack("<H", len(coded) + 2) + bytes(62)
    return bytes(header) + directory


@pytest.mark.parametrize(
    ("streams", "suffix", "told", "stage"),
    [
        (("EncryptionInfo", "EncryptedPackage"), ".docx", "it is encrypted", "decode"),
        (("EncryptionInfo", "EncryptedPackage"), ".xlsx", "it is encrypted", "decode"),
        (("1Table", "WordDocument"), ".doc", "an old Word document", "parse"),
        (("1Table", "WordDocument"), "", "an old Word document", "parse"),
        (("WordDocument", "Workbook"), ".txt", "an old Word document", "parse"),
        (("PowerPoint Document",), ".ppt", "an old presentation", "parse"),
        (("Workbook",), ".xls", "a workbook that is damaged", "parse"),
        (("Other",), ".doc", "an old Word document", "parse"),
        (("Other",), ".pptx", "it is encrypted", "decode"),
    ],
)
@pytest.mark.parametrize("at", [1, 999_999, -7])
def test_what_cannot_be_read_is_told_what_to_do(
    streams: tuple[str, ...], suffix: str, told: str, stage: str, at: int
) -> None:
    data = container(*streams, at=at)
    assert is_binary(data, suffix=suffix) == ""
    with pytest.raises(LoadError, match=told) as caught:
        load(data, suffix=suffix)
    assert (caught.value.stage, bool(caught.value.hint)) == (stage, True)


def test_other_containers_are_binaries_and_short_ones_nothing() -> None:
    assert ole_type(OLE + b"x") == ""
    assert is_binary(container("Thumbnails"), suffix=".dat") == (
        "binary: an Office file of before 2007"
    )


def test_a_binary_workbook_is_told_what_to_do() -> None:
    data = docx("", more={"xl/workbook.bin": "x"}).replace(b"word/", b"wort/")
    with pytest.raises(LoadError, match=r"a binary workbook \(\.xlsb\)") as caught:
        load(data, suffix=".xlsb")
    assert caught.value.hint == "save it as .xlsx and ingest it again"


@pytest.mark.parametrize("suffix", [".txt", "", ".bin", ".xlsx", ".doc", ".pdf"])
def test_a_word_document_is_one_whatever_it_is_called(suffix: str) -> None:
    data = docx(p("Words."))
    assert is_binary(data, suffix=suffix) == ""
    document = load(data, suffix=suffix)
    assert (document.text, document.type) == ("Words.", "docx")


def test_text_and_pages_that_are_called_workbooks() -> None:
    page = load(b" <html><table><tr><td>a<td>1</table>", suffix=".xls")
    assert (page.text, page.type) == ("a | 1", "html")
    text = load(b"Name\tPrice\nBolt\t1\n", suffix=".xls")
    assert (text.text, text.notes[-1]) == (
        "Name | Price\n\nName: Bolt | Price: 1", "it is called a workbook but is text",
    )  # fmt: skip


@pytest.mark.parametrize("suffix", [".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".doc"])
@pytest.mark.parametrize("data", [b"", b"  \n", b"\0\1\2", b"PK\3\4", b"PK\5\6" + bytes(18)])
def test_what_is_called_a_document_and_is_none(data: bytes, suffix: str) -> None:
    assert is_binary(data, suffix=suffix) == ""
    with pytest.raises(LoadError, match=r"as its name says|cut off or damaged|lacks a part"):
        load(data, suffix=suffix)


@pytest.mark.parametrize("data", [b"", b"  \n", b"\0\1\2"])
def test_what_is_called_an_old_workbook_and_is_none(data: bytes) -> None:
    with pytest.raises(LoadError, match="it is not a workbook, as its name says"):
        load(data, suffix=".xls")


# Old workbooks


def made() -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Parts")
    as_date = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for column, name in enumerate(("Name", "Price", "Since", "Ok", "Share")):
        sheet.write(0, column, name)
    sheet.write_merge(1, 2, 0, 0, "Bolt")
    sheet.write(1, 1, 3)
    sheet.write(1, 2, 45293, as_date)
    sheet.write(1, 3, True)
    sheet.write(1, 4, 0.5, xlwt.easyxf(num_format_str="0%"))
    sheet.write(2, 1, 0.1 + 0.2)
    sheet.write(2, 2, "", as_date)
    sheet.write(2, 3, xlwt.Formula("1/0"))
    sheet.col(1).hidden = True
    sheet.row(2).hidden = True
    sheet.row(2).set_cell_error(4, 0x07)
    other = book.add_sheet("Secret")
    other.visibility = 1
    other.write(0, 0, "word")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_an_old_workbook_is_read_like_a_new_one() -> None:
    document = read(made(), ".xls")
    assert document.text == (
        "Parts\n\nName | Price | Since | Ok | Share\n"
        "Name: Bolt | Price: 3 | Since: 2024-01-02 | Ok: TRUE | Share: 50%\n"
        "Name: Bolt | Price: 0.3 | Share: #DIV/0!\n\nSecret\n\nword"
    )
    assert [place for _, place in document.places] == [
        "!Parts:1", "!Parts:1", "!Parts:2", "!Parts:3", "!Secret:1", "!Secret:1"
    ]  # fmt: skip
    assert document.notes == (
        "sheet Parts: 1 hidden row and 1 hidden column are read too",
        "sheet Secret is hidden, and read too",
        "of a file as old as this neither comments nor drawings nor properties are read",
    )


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_an_old_workbook_that_is_cut_off(share: float) -> None:
    data = made()
    with pytest.raises(LoadError, match="a workbook that is damaged") as caught:
        load(data[: int(len(data) * share)], suffix=".xls")
    assert caught.value.hint == "save it as .xlsx"


def test_an_old_workbook_with_a_password() -> None:
    data = made()
    at = data.index(b"\x42\x00\x02\x00\xb0\x04")  # the record of the code page becomes FILEPASS
    with pytest.raises(LoadError, match="it is encrypted"):
        load(data[:at] + b"\x2f\x00" + data[at + 2 :], suffix=".xls")


def test_without_the_package_the_file_is_listed_with_the_remedy_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "old.xls").write_bytes(made())
    (docs / "note.md").write_text("# A note\n\nWords.\n")
    hide = "import sys; sys.modules['xlrd'] = None; from ragkit.__main__ import main; main()"
    options = ["ingest", str(docs), "--offline", "--index", str(tmp_path / "i")]
    ran = subprocess.run(
        [sys.executable, "-c", hide, *options], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 6
    assert "xlrd is not installed (pip install '.[formats]'" in ran.stdout + ran.stderr
    assert "2 files: 1 new" in ran.stdout + ran.stderr
