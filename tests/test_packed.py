"""ZIP files that are documents: told by what they hold, refused beyond limits. Made here."""

import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.errors import LoadError
from ragkit.loading import packed
from ragkit.loading.packed import MIMETYPES, Packed, packed_type
from tests.office import zipped

TYPES = "[Content_Types].xml"


KINDS = [
    ({TYPES: "<Types/>", "_rels/.rels": "<r/>", "word/document.xml": "<d/>"}, "docx"),
    ({TYPES: "<Types/>", "xl/workbook.xml": "<w/>", "xl/worksheets/sheet1.xml": "<w/>"}, "xlsx"),
    ({TYPES: "<Types/>", "xl/workbook.bin": b"\1\2"}, "xlsb"),
    ({TYPES: "<Types/>", "ppt/presentation.xml": "<p/>"}, "pptx"),
    ({TYPES: "<Types/>", "WORD\\Document.xml": "<d/>"}, "docx"),
    ({"META-INF/container.xml": "<c/>", "a.xhtml": "<html/>"}, "epub"),
    *(({"mimetype": name, "content.xml": "<c/>"}, kind) for name, kind in MIMETYPES.items()),
    ({"mimetype": "application/java-archive", "a.class": b"x"}, "zip"),
    ({"a.md": "# One", "docs/word/document.xml": "<d/>"}, "zip"),
    ({}, "zip"),
]  # fmt: skip


@pytest.mark.parametrize(("members", "kind"), KINDS)
def test_a_zip_is_told_by_its_members(members: dict[str, bytes | str], kind: str) -> None:
    assert packed_type(zipped(members)) == kind
    assert packed_type(zipped(members)[:-2] + b"\x09\0a comment") == kind


@pytest.mark.parametrize(("members", "kind"), KINDS[:-1])
def test_its_beginning_is_enough(members: dict[str, bytes | str], kind: str) -> None:
    whole = zipped(members, zipfile.ZIP_STORED)
    assert packed_type(whole[: whole.rfind(b"PK\1\2")]) == kind


def test_a_word_document_cut_off_before_its_text_is_still_one() -> None:
    data = zipped({TYPES: "<Types/>", "word/styles.xml": "<s/>", "word/document.xml": "<d/>"})
    assert packed_type(data[: data.index(b"word/document.xml")]) == "docx"
    assert packed_type(zipped({TYPES: "<Types/>", "other/x.xml": "<d/>"})[:90]) == "zip"


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_are_too_odd(junk: bytes, at: int) -> None:
    whole = zipped({TYPES: "<Types/>", "word/document.xml": "<d/>"})
    assert packed_type(junk) in ("", "zip")
    assert packed_type(whole[:at] + junk + whole[at + len(junk) :]) in ("", "zip", "docx")


def test_a_list_of_a_million_members_is_not_read() -> None:
    data = bytearray(zipped({"a": "b"}))
    struct.pack_into("<L", data, data.rindex(b"PK\5\6") + 12, packed.MOST_DIRECTORY + 1)
    assert packed_type(bytes(data)) == "zip"
    with pytest.raises(LoadError, match="too many parts for a Word document"):
        Packed(bytes(data), "a Word document")


def test_the_size_of_a_long_zips_list_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 0)  # writes the end of a ZIP of 4 GB
    data = bytearray(zipped({"word/document.xml": "<d/>"}))
    assert packed_type(bytes(data)) == "docx"
    struct.pack_into("<L", data, data.rindex(b"PK\5\6") + 12, 0xFFFFFFFF)
    assert packed_type(bytes(data)) == "docx"
    struct.pack_into("<Q", data, data.rindex(b"PK\6\6") + 40, 10**12)
    assert packed_type(bytes(data)) == "docx"  # by its beginning
    assert packed_type(bytes(data).replace(b"PK\6\6", b"PK\0\0")) == "docx"


# What is asked of a document


def refused(data: bytes, reason: str) -> LoadError:
    with pytest.raises(LoadError, match=reason) as caught:
        Packed(data, "a Word document")
    return caught.value


def test_a_bomb_is_refused_by_its_list() -> None:
    error = refused(zipped({"word/document.xml": b"0" * 30_000_000}), "would unpack to 30 MB")
    assert (error.stage, error.hint) == ("parse", "if you trust it, save it in parts")


def test_a_bomb_that_lies_about_its_size_unpacks_to_what_it_says() -> None:
    data = bytearray(zipped({"word/document.xml": b"0" * 30_000_000}))
    struct.pack_into("<L", data, data.rindex(b"PK\1\2") + 24, 1000)
    package = Packed(bytes(data), "a Word document")
    with pytest.raises(LoadError, match="damaged: Bad CRC-32"):
        package.read("word/document.xml")


def test_members_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MOST_MEMBERS", 10)
    refused(zipped({f"{n}": "" for n in range(11)}), "it has 11 parts, too many")


def test_a_part_is_not_read_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "FREE", 1000)
    package = Packed(zipped({"a.xml": b"<a>" + b"b" * 1000 + b"</a>"}), "a presentation")
    for _ in range(packed.MOST_TIMES):
        package.xml("a.xml")
    with pytest.raises(LoadError, match="it names its parts again and again, more than a pres"):
        package.stream("a.xml")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_that_is_cut_off(share: float) -> None:
    data = zipped({"word/document.xml": "<d>" + "words and words " * 100 + "</d>"})
    assert refused(data[: int(len(data) * share)], "cut off or damaged").hint == "is it complete?"


def test_a_list_that_leads_nowhere() -> None:
    data = zipped({"word/document.xml": "<d/>"})
    refused(data.replace(b"PK\1\2", b"PK\1\0"), "damaged: Bad magic number")


def members_of(content: bytes) -> Packed:
    return Packed(zipped({"a.xml": content}), "a Word document")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not well-formed"),
        (b"no XML", "not well-formed"),
        (b"<a><b></a>", "not well-formed: mismatched tag"),
        (b"<a>&nothing;</a>", "not well-formed: undefined entity"),
        (b'<?xml version="1.0" encoding="x-none"?><a/>', "not well-formed: unknown encoding"),
        (b'<!DOCTYPE a [<!ENTITY b "bbb"><!ENTITY c "&b;&b;">]><a>&c;</a>', "a document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "a document type"),
        ('<?xml version="1.0"?><!DOCTYPE a []><a/>'.encode("utf-16"), "a document type"),
    ],
)
def test_xml_that_is_none_or_declares_entities(content: bytes, reason: str) -> None:
    with pytest.raises(LoadError, match=reason):
        members_of(content).xml("a.xml")
    if "document type" in reason:
        with pytest.raises(LoadError, match=reason):
            members_of(content).stream("a.xml")


def test_harmless_xml_is_streamed() -> None:
    assert members_of(b"<a><!-- c --><b/></a>").stream("a.xml").read() == b"<a><!-- c --><b/></a>"


def test_xml_of_too_many_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragkit.loading.xmltree.MOST_TAGS", 10)
    with pytest.raises(LoadError, match=r"a\.xml has more than 10 tags"):
        members_of(b"<a>" + b"<b/>" * 10 + b"</a>").xml("a.xml")


def test_members_missing_encrypted_large_or_in_an_unknown_compression() -> None:
    data = zipped({"a.xml": "<a/>", "B.XML": "<b/>"})
    package = Packed(data, "a Word document")
    assert "b.xml" in package
    assert package.names("b") == ["b.xml"]
    assert package.xml_or_none("c.xml") is None
    with pytest.raises(LoadError, match=r"lacks a part: c\.xml"):
        package.read("c.xml")
    with pytest.raises(LoadError, match=r"part a\.xml has more than 0 MB"):
        package.read("a.xml", 2)
    at = data.index(b"PK\1\2")
    flagged = data[: at + 8] + b"\1" + data[at + 9 :]
    with pytest.raises(LoadError, match="encrypted") as caught:
        Packed(flagged, "a Word document").read("a.xml")
    assert caught.value.stage == "decode"
    odd = data[: at + 10] + b"\x63" + data[at + 11 :]
    with pytest.raises(LoadError, match="damaged: That compression method is not supported"):
        Packed(odd, "a Word document").read("a.xml")
