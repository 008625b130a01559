"""Archives made to do harm: each is refused with a reason, or costs only what is wrong in it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit import Rag
from ragkit.errors import LoadError
from ragkit.loading.holders import holder_of
from ragkit.loading.members import MOST_DEPTH, MOST_MEMBERS, Budget, Member, cleaned
from ragkit.types import IngestReport
from tests.archives import header, put, tarred, zipped
from tests.embedders import HashingEmbedder

LARGEST = 10_000_000
TEXT = "A good text that is to be found."


def members(name: str, data: bytes, *, largest: int = LARGEST) -> list[Member]:
    holder = holder_of(data, suffix=f".{name.rpartition('.')[2]}")
    assert holder is not None
    return list(holder.members(data, name, Budget(len(data), largest)))


def refused(name: str, data: bytes) -> str:
    with pytest.raises(LoadError) as caught:
        members(name, data)
    return caught.value.message


def good(found: list[Member]) -> dict[str, bytes]:
    return {one.name: one.data for one in found if not (one.error or one.skipped)}


def failed(found: list[Member]) -> dict[str, str]:
    return {one.name: one.error.message for one in found if one.error}


def skipped(found: list[Member]) -> dict[str, str]:
    return {one.name: one.skipped for one in found if one.skipped}


@pytest.fixture
def rag(tmp_path: Path) -> Iterator[Rag]:
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as made:
        yield made


def reasons(report: IngestReport) -> dict[str, str]:
    return {failure.path: failure.reason for failure in report.failed}


# -- names


TRICKS = {
    "../../etc/passwd.md": "etc/passwd.md",
    "/absolute.md": "absolute.md",
    "C:\\windows\\a.md": "windows/a.md",
    "..\\b.md": "b.md",
    "a/./c//d.md": "a/c/d.md",
    "a/../e.md": "a/e.md",
    "\\\\server\\share\\f.md": "server/share/f.md",
}


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_no_name_leads_elsewhere(
    tmp_path: Path, rag: Rag, pack: Callable[[Mapping[str, str]], bytes]
) -> None:
    data = pack(dict.fromkeys(TRICKS, TEXT))
    put(tmp_path / "docs/a.zip", data)
    rag.ingest(tmp_path / "docs")
    assert [one.path for one in rag.ls()] == [
        "docs/a.zip",
        *sorted(f"docs/a.zip!/{name}" for name in TRICKS.values()),
    ]
    assert sorted(path.name for path in tmp_path.rglob("*.md")) == []  # nothing was written


@given(st.text() | st.text("./\\\\:aC\udce9\0", max_size=20))
def test_a_cleaned_name_stays_where_it_is(name: str) -> None:
    clean = cleaned(name)
    clean.encode()
    assert cleaned(clean) == clean or "\\" in clean or ":" in clean
    parts = clean.split("/")
    assert clean == "" or not {"", ".", ".."} & set(parts)
    assert not Path(clean).is_absolute()


def test_names_in_other_encodings() -> None:
    made = io.BytesIO()
    names = ["会议记录/第一次会议.md", "会议记录/项目计划书.md", "说明文件.md"]
    with zipfile.ZipFile(made, "w") as archive:
        for i, _ in enumerate(names):
            archive.writestr(f"{i}" * 30, TEXT)
    data = made.getvalue()
    for i, name in enumerate(names):
        raw = name.encode("gb18030")
        data = data.replace(f"{i}".encode() * 30, raw + b"\0" * (30 - len(raw)))
    assert list(good(members("a.zip", data))) == names
    random = b"\x81\x00\x8d\x8f\x90\x9d\xff\xfe"
    nonsense = zipped({"x" * 8: TEXT}).replace(b"x" * 8, random)
    assert list(good(members("a.zip", nonsense)).values()) == [TEXT.encode()]
    assert list(good(members("a.tar", tarred({"caf\udce9.md": TEXT})))) == ["caf\\xe9.md"]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp850", ["Übersicht/Größe.md"]),
        ("cp437", ["été.md"]),
        ("cp850", ["Château/dépôt.md"]),
        ("cp850", ["Milhões/ação.md"]),
        ("cp852", ["Książka.md"]),
        ("cp866", ["Документы/Отчёт.md", "Документы/привет.md"]),
        ("cp1252", ["Gerät.md"]),
        ("gbk", ["报告.md"]),
        ("gbk", ["report报告/测试.md"]),
        ("big5", ["中文.md"]),
        ("big5", ["會議記錄/測試.md"]),
        ("cp932", ["テスト/フト.md"]),
        ("cp932", ["日本語.md", "東京.md"]),
        ("cp949", ["새 폴더/보고서.md"]),
    ],
)
def test_names_of_windows(encoding: str, names: list[str]) -> None:
    made = {f"{i}" * len(name.encode(encoding)): TEXT for i, name in enumerate(names)}
    data = zipped(made)
    for known, name in zip(made, names, strict=True):
        data = data.replace(known.encode(), name.encode(encoding))
    assert list(good(members("a.zip", data))) == names


def test_a_name_that_is_stated_in_unicode_counts() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, of in (("caf?.md", b"caf\x82.md"), ("th?.md", b"another")):
            field = struct.pack("<BI", 1, zlib.crc32(of)) + "名.md".encode()
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<5H", 9, 2, 0, 0x7075, len(field)) + field
            archive.writestr(info, TEXT)
    data = made.getvalue().replace(b"caf?", b"caf\x82").replace(b"th?", b"th\x82")
    assert list(good(members("a.zip", data))) == ["名.md", "thé.md"]


def test_names_that_are_none_or_have_no_end() -> None:
    found = members("a.tar", tarred({"../..": TEXT, "x" * 5000 + ".md": TEXT, "b.md": TEXT}))
    assert skipped(found) == {"": "it has no name"}
    assert cleaned("half \ud800.md") == "half \\ud800.md"
    assert list(failed(found).values()) == ["its name has 5,003 characters"]
    assert list(good(found)) == ["b.md"]


def test_of_members_with_one_name_the_last_counts() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.md", "first")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.md", "second")
    both = io.BytesIO()
    with tarfile.open(fileobj=both, mode="w") as tar:
        tar.addfile(header("a.md", 5), io.BytesIO(b"first"))
        tar.addfile(header("./a.md", 6), io.BytesIO(b"second"))
    for name, data in (("a.zip", made.getvalue()), ("a.tar", both.getvalue())):
        found = members(name, data)
        assert good(found) == {"a.md": b"second"}
        assert skipped(found) == {"a.md": "another member of this name comes after it"}


# -- what is no file


def test_links_and_devices_are_passed_over() -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(header("a.md", len(TEXT)), io.BytesIO(TEXT.encode()))
        tar.addfile(header("link.md", type=tarfile.SYMTYPE, link="/etc/passwd"))
        tar.addfile(header("out", type=tarfile.SYMTYPE, link="../.."))
        tar.addfile(header("out/b.md", len(TEXT)), io.BytesIO(TEXT.encode()))
        tar.addfile(header("hard.md", type=tarfile.LNKTYPE, link="../../etc/shadow"))
        tar.addfile(header("null.md", type=tarfile.CHRTYPE))
        tar.addfile(header("disk.md", type=tarfile.BLKTYPE))
        tar.addfile(header("pipe.md", type=tarfile.FIFOTYPE))
        tar.addfile(header("folder", type=tarfile.DIRTYPE))
    found = members("a.tar", made.getvalue())
    assert sorted(good(found)) == ["a.md", "out/b.md"]
    assert skipped(found) == {
        "link.md": "a link",
        "out": "a link",
        "hard.md": "a link to another member: etc/shadow",
        "null.md": "not a regular file",
        "disk.md": "not a regular file",
        "pipe.md": "not a regular file",
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, mode in (("link.md", 0o120777), ("pipe.md", 0o010644), ("a.md", 0o100644)):
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, TEXT)
    found = members("a.zip", made.getvalue())
    assert skipped(found) == {"link.md": "a link", "pipe.md": "not a regular file"}
    assert list(good(found)) == ["a.md"]


def test_what_a_walk_passes_over_is_passed_over_once() -> None:
    names = (
        ".git/a",
        ".git/b",
        "x/node_modules/a.js",
        "x/node_modules/b.js",
        "__MACOSX/._a",
        ".env",
    )
    found = members("a.zip", zipped(dict.fromkeys((*names, "a.md"), TEXT)))
    assert skipped(found) == {
        ".git": "hidden",
        "x/node_modules": "node_modules is never read",
        "__MACOSX": "__MACOSX is never read",
        ".env": "hidden",
    }
    assert len(found) == 5


# -- sizes


@pytest.mark.no_cover
def test_bombs_are_refused_before_they_go_off() -> None:
    zeros = bytes(9_000_000)
    flat = zipped({f"{n}.txt": zeros for n in range(3)})
    assert len(flat) < 60_000
    bombs = {
        "a.zip": flat,
        "a.tar.gz": tarred({f"{n}.txt": zeros for n in range(3)}, "gz"),
        "a.tar.bz2": tarred({f"{n}.txt": zeros for n in range(3)}, "bz2"),
        "a.tar.xz": tarred({f"{n}.txt": zeros for n in range(3)}, "xz"),
    }
    tracemalloc.start()
    for name, data in bombs.items():
        assert "more than an archive may" in refused(name, data)
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


def test_a_bomb_of_a_single_file() -> None:
    for name, data in {
        "a.txt.gz": gzip.compress(bytes(LARGEST + 5)),
        "a.txt.bz2": bz2.compress(bytes(LARGEST + 5)),
        "a.txt.xz": lzma.compress(bytes(LARGEST + 5)),
    }.items():
        assert failed(members(name, data)) == {"a.txt": "10 MB is more than the limit of 10 MB"}


def test_nested_bombs_have_one_budget(tmp_path: Path, rag: Rag) -> None:
    layer = zipped({"zeros.txt": bytes(9_000_000)})
    for _ in range(MOST_DEPTH - 1):
        layer = zipped({f"{n}.zip": layer for n in range(4)})
    put(tmp_path / "42.zip", layer)
    report = rag.ingest(tmp_path)
    told = reasons(report)
    assert "42.zip" not in told
    assert len(told) == 4**2 - 2  # two of sixteen fit into what any archive may unpack to
    assert all("unpacks to more than" in reason for reason in told.values())


def test_an_archive_that_holds_itself_ends(tmp_path: Path, rag: Rag) -> None:
    data = zipped({"a.md": TEXT})
    for _ in range(40):
        data = zipped({"r.zip": data, "a.md": TEXT})
    put(tmp_path / "r.zip", data)
    report = rag.ingest(tmp_path)
    deepest = "r.zip" + "!/r.zip" * MOST_DEPTH
    assert reasons(report) == {deepest: f"it is an archive {MOST_DEPTH + 1} deep: it is not opened"}
    assert sum(one.path.endswith("a.md") for one in rag.ls()) == MOST_DEPTH


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = (
        struct.pack("<4s4xHHHH12xHHHHHII", b"PK\x01\x02", 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    )
    many = b"PK\x03\x04" + entry * 100_000
    end = struct.pack("<4s4xHHIIH", b"PK\x05\x06", 0xFFFF, 0xFFFF, len(many) - 4, 4, 0)
    assert refused("a.zip", many + end).startswith(f"it has more than {MOST_MEMBERS:,} members")
    monkeypatch.setattr("ragkit.loading.members.MOST_MEMBERS", 500)
    assert good(members("a.tar", tarred({"a.md": TEXT}) + bytes(50_000))) == {"a.md": TEXT.encode()}
    packed = gzip.compress(header("a.md").tobuf() * 505, 1)
    assert refused("a.tar.gz", packed).startswith("it has more than 500 members")


def test_sizes_that_are_not_true() -> None:
    data = bytearray(zipped({"a.md": TEXT, "b.md": TEXT}))
    at = data.index(b"PK\x01\x02") + 24
    struct.pack_into("<I", data, at, 0xFFFFFF00)  # declares 4 GB
    found = members("a.zip", bytes(data))
    assert "more than the limit" in failed(found)["a.md"]
    assert list(good(found)) == ["b.md"]
    struct.pack_into("<I", data, at, 4)  # declares less than it has
    found = members("a.zip", bytes(data))
    assert "CRC" in failed(found)["a.md"]
    huge = tarred({"a.md": TEXT})[:512]
    info = header("b.md", 8 << 60)  # which is not waited for
    assert "cut off" in refused("a.tar", info.tobuf(tarfile.GNU_FORMAT) + huge)
    pax = header("c.md", 900_000_000, tarfile.XHDTYPE)
    assert "header" in refused("a.tar", pax.tobuf() + huge)


def test_a_sparse_file_takes_no_more_than_it_may() -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for n in range(5):
            info = header(f"{n}.txt", 0)
            info.pax_headers = {
                "GNU.sparse.major": "0", "GNU.sparse.minor": "1",
                "GNU.sparse.map": "0,0", "GNU.sparse.size": "9000000",
            }  # fmt: skip
            tar.addfile(info)
    assert "more than an archive may" in refused("a.tar", made.getvalue())


# -- damage


def test_encrypted_members_are_told() -> None:
    data = bytearray(zipped({"secret.md": TEXT, "open.md": TEXT}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    found = members("a.zip", bytes(data))
    assert failed(found) == {"secret.md": "it is encrypted"}
    assert list(good(found)) == ["open.md"]


def test_members_that_overlap_are_bounded_by_what_they_declare() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("kernel.txt", bytes(9_000_000))
        (info,) = archive.infolist()
        for n in range(200):  # all in one place
            other = zipfile.ZipInfo(f"{n}.txt")
            other.compress_type, other.CRC = info.compress_type, info.CRC
            other.compress_size, other.file_size = info.compress_size, info.file_size
            other.header_offset = info.header_offset
            archive.filelist.append(other)
    assert "unpacks to more than 20 MB" in refused("a.zip", made.getvalue())


def test_a_method_that_is_unknown_costs_its_member() -> None:
    data = bytearray(zipped({"a.md": TEXT, "b.md": TEXT}))
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", data, data.index(mark) + at, 97)
    found = members("a.zip", bytes(data))
    assert "a.md" in failed(found)
    assert list(good(found)) == ["b.md"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_unpack_piece_by_piece(method: int) -> None:
    data = zipped({"a.txt": bytes(9_000_000), "b.md": TEXT}, method)
    found = members("a.zip", data)
    assert {name: len(content) for name, content in good(found).items()} == {
        "a.txt": 9_000_000, "b.md": len(TEXT),
    }  # fmt: skip


@pytest.mark.parametrize("pack", ["", "gz", "bz2", "xz"])
def test_a_tar_that_is_cut_off_anywhere_says_so(pack: str) -> None:
    whole = tarred({f"{n}.md": f"{n} {TEXT}" for n in range(3)}, pack)
    name = f"a.tar.{pack}" if pack else "a.tar"
    end = len(whole) if pack else 6 * 512
    for cut in range(513 if not pack else 60, end - 1, max(1, end // 60)):
        holder = holder_of(whole[:cut], suffix=".tar")
        if holder is None:
            continue
        with pytest.raises(LoadError, match="cut off or damaged"):
            list(holder.members(whole[:cut], name, Budget(cut, LARGEST)))


def test_a_tar_that_is_damaged_between_its_members_says_so() -> None:
    whole = bytearray(tarred({f"{n}.md": TEXT for n in range(3)}))
    whole[1024:1030] = b"broken"
    assert "cut off or damaged after 0.md" in refused("a.tar", bytes(whole))


def test_a_zip_that_is_cut_off_anywhere_says_so() -> None:
    whole = zipped({f"{n}.md": f"{n} {TEXT}" for n in range(3)})
    for cut in range(4, len(whole) - 1):
        assert "cut off" in refused("a.zip", whole[:cut])


def test_damaged_bytes_cost_what_they_are_in() -> None:
    whole = zipped({f"{n}.md": f"{n} {TEXT}" * 9 for n in range(3)})
    for at in range(0, len(whole), 3):
        data = bytearray(whole)
        data[at] ^= 0x55
        holder = holder_of(bytes(data), suffix=".zip")
        if holder is None:
            continue
        try:
            found = list(holder.members(bytes(data), "a.zip", Budget(len(data), LARGEST)))
        except LoadError:
            continue
        assert len(found) == 3
    damaged = bytearray(gzip.compress(TEXT.encode()))
    damaged[-6] ^= 1
    assert "cut off or damaged" in refused("a.md.gz", bytes(damaged))


class _Pipe(io.BytesIO):
    """A file that cannot be gone back in."""

    def tell(self) -> int:
        raise OSError(29, "Illegal seek")


def test_an_archive_whose_members_have_their_sizes_behind_them() -> None:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        archive.writestr("readme.md", TEXT)
        archive.writestr("b.md", TEXT)
    assert list(good(members("a.zip", pipe.getvalue()))) == ["readme.md", "b.md"]


def test_empty_ones(tmp_path: Path, rag: Rag) -> None:
    put(tmp_path / "a.zip", zipped({}))
    put(tmp_path / "b.tar", tarred({}))
    put(tmp_path / "c.gz", b"")
    report = rag.ingest(tmp_path)
    assert not report.failed
    assert "a.zip" in [one.path for one in rag.ls()]
