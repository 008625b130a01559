"""Filters: their grammar, what they admit, and that a search within them is exact."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit import Rag, Where
from ragkit.catalog import FILE, Catalog, Source, digest_of
from ragkit.chunking import chunks_of
from ragkit.errors import ConfigError, IndexDamagedError, NothingFoundError
from ragkit.fusion import scaled, weighted_sum
from ragkit.index.caches import publish
from ragkit.index.folder import Index, Maker
from ragkit.query import VIEWS, WEIGHTS
from ragkit.text.words import query_terms
from ragkit.types import Document
from ragkit.where import Described, Term, matcher
from ragkit.where.dates import stretch
from ragkit.where.globs import escaped, path_matches
from tests.embedders import HashingEmbedder
from tests.test_cli import Terminal, here, indexed, ragkit
from tests.test_ingest import write

__all__ = ["here", "indexed", "ragkit"]

# -- the grammar

values = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(str.strip)
keys = st.sampled_from(["path", "type", "lang", "tag", "title", "author", "status", "重要"])
dated = st.builds(
    Term,
    st.sampled_from(["after", "before", "on"]),
    st.tuples(st.sampled_from(["2026", "2026-02", "2026-02-28", "2026-02-28T10:00"])),
    st.booleans(),
)
terms = st.builds(Term, keys, st.lists(values, min_size=1, max_size=3).map(tuple), st.booleans())
filters = st.builds(Where, st.lists(terms | dated, max_size=4).map(tuple))


@settings(max_examples=40)
@given(filters)
def test_a_filter_is_what_its_text_says(where: Where) -> None:
    assert Where.parse(str(where)) == where


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        where = Where.parse(text)
        assert Where.parse(str(where)) == where


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("tag:a tag:b", "tag:a,b"),
        ("  TAG:A\t-tag:b　ｔａｇ：c ", "tag:A,c -tag:b"),
        ('language:zh author:"Ann \\"A\\" Lee","B, C"', 'lang:zh author:"Ann \\"A\\" Lee","B, C"'),
        ("tag:a,a after:2026", "tag:a after:2026"),
        ("from:a:b", "from:a:b"),
    ],
)
def test_one_filter_may_be_written_in_several_ways(text: str, meant: str) -> None:
    assert str(Where.parse(text)) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("howto", "at 'howto'"),
        ("tag:a tag:", "at 'tag:'"),
        ("tag:a,,b", "at 'tag:a,,b'"),
        ('author:"Ann Lee', "at 'author:\"Ann Lee'"),
        ('tag:a"b"', "at 'tag:a\"b\"'"),
        ('tag:" "', "no value for tag"),
        ("before:2026-02-30", "before:2026-02-30 is no date"),
        ("on:yesterday", "on:yesterday is no date"),
    ],
)
def test_what_is_no_filter_is_refused_where_it_ends(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Where.parse(text)
    assert said in refused.value.message
    assert refused.value.hint


def test_a_filter_may_be_made_in_python() -> None:
    where = Where((Term("tag", ("howto",)), Term("author", ("Ann Lee",), negated=True)))
    assert str(where) == 'tag:howto -author:"Ann Lee"'
    assert not Where()
    for key, given_values in (("a b", ("c",)), ("tag", ())):
        with pytest.raises(ConfigError):
            Term(key, given_values)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", datetime(2026, 1, 1), datetime(2027, 1, 1)),
        ("2024-2", datetime(2024, 2, 1), datetime(2024, 3, 1)),
        ("2026-12", datetime(2026, 12, 1), datetime(2027, 1, 1)),
        ("２０２６-05-31", datetime(2026, 5, 31), datetime(2026, 6, 1)),
        ("2026-05-31T14:05Z", datetime(2026, 5, 31, 14, 5), datetime(2026, 5, 31, 14, 6)),
        ("2026-05-31 23:59:59.5+02:00", datetime(2026, 5, 31, 23, 59, 59), datetime(2026, 6, 1)),
    ],
)
def test_a_date_means_a_stretch_of_time(text: str, start: datetime, end: datetime) -> None:
    assert stretch(text) == (start, end)


@pytest.mark.parametrize("text", ["", "26", "2026-13", "2026-1-1T25:00", "9999", "0000", "x2026"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert stretch(text) is None


# -- paths and values


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        ("*.md", ["a.md", "d/e/A.MD"], ["a.mdx", "a.md.txt"]),
        ("docs", ["docs/a.md", "x/docs/y/b", "docs"], ["docs.md", "mydocs/a"]),
        ("docs/", ["docs/a.md"], ["docs"]),
        ("/docs", ["docs/a.md"], ["x/docs/a.md"]),
        ("docs/**", ["docs/a.md", "docs/b/c.md"], ["docs", "x/docs/a.md"]),
        ("docs/*.md", ["docs/a.md"], ["docs/b/a.md"]),
        ("**/b/*.md", ["b/a.md", "x/y/b/a.md"], ["x/b/c/a.txt", "xb/a.md"]),
        ("a/**/b", ["a/b", "a/x/y/b/c"], ["a/xb"]),
        ("[ab]?.md", ["a1.md", "x/B2.md"], ["c1.md", "a.md"]),
        ("[!ab].md", ["c.md"], ["a.md", "x/A.md"]),
        ("[z-a]", ["[z-a]"], ["z"]),
        ("a[", ["a["], ["a"]),
        ("x.zip", ["d/x.zip", "d/x.zip!/a/b.md"], ["d/x.zip.md"]),
        ("x.zip!/a/*", ["x.zip!/a/b.md"], ["y/x.zip!/a/b.md"]),
        ("说明［一］.md", ["d/说明［一］.md", "说明[一].md"], ["说明一.md"]),
        ("caf\u00e9", ["cafe\u0301/a", "CAFÉ"], ["cafe"]),
        ("/srv/docs/**", ["/srv/docs/a.md"], ["/srv/a.md"]),
        ("/", [], ["a", "/a"]),
    ],
)
def test_a_pattern_means_paths_as_in_a_gitignore(
    glob: str, matching: list[str], others: list[str]
) -> None:
    assert [path for path in matching if not path_matches(glob, path)] == []
    assert [path for path in others if path_matches(glob, path)] == []


@pytest.mark.parametrize("value", ["code", "python", "code/python", "code/*", "py"])
def test_code_is_found_by_its_language_too(value: str) -> None:
    admits = matcher(Where.parse(f"type:{value}"))
    assert admits(Described("a.py", "code/python"))
    assert not admits(Described("a.md", "markdown"))


GUIDE = Described(
    "docs/guide.PDF", "pdf", "How to Install the  Server", "en",
    (("tag", "HowTo"), ("author", "Ann Lee"), ("author", "陈 伟"), ("Language", "zh-TW"),
     ("status", "final draft"), ("date", "2026-05-31T23:00"), ("created", "2020")),
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "tag:howto", "tag:ｈｏｗｔｏ", "tag:how*", "tag:x,howto", "-tag:how", "author:lee",
        'author:"ann lee"', "author:陈", "author:*伟", 'title:"install the server"', "title:how",
        "-title:serve", "type:pdf", "type:p?f", "-type:markdown", "lang:en", "lang:zh",
        "lang:zh-tw", "-lang:de", 'status:"Final Draft"', "-status:draft", "on:2026-05",
        "on:2026-05-31", "after:2026-05-31", "before:2026-06", "-before:2026-05-31",
        "after:2026 before:2027 on:2026", "created:2020", "date:2026-*", "-absent:x",
    ],
)  # fmt: skip
def test_a_filter_admits_what_it_says(text: str) -> None:
    assert matcher(Where.parse(text))(GUIDE)
    term = Where.parse(text).terms[0]
    opposite = Term(term.key, term.values, negated=not term.negated)
    assert not matcher(Where((opposite,)))(GUIDE)


def test_the_date_is_that_of_the_document_else_created_else_that_of_the_file() -> None:
    mtime = int(datetime(2025, 3, 4, 12).timestamp() * 1e9)
    dates = [
        Described("a", fields=fields, mtime_ns=mtime).date
        for fields in (
            (("created", "2020"), ("date", "2026-05-31")),
            (("date", "May 2026"), ("created", "2020-02-02")),
            (("date", "soon"),),
        )
    ]
    assert dates == [datetime(2026, 5, 31), datetime(2020, 2, 2), datetime(2025, 3, 4, 12)]
    unknown = Described("a")
    assert unknown.date is None
    assert [matcher(Where.parse(text))(unknown) for text in ("on:2026", "-on:2026")] == [
        False,
        True,
    ]


# -- searching within a filter

WORDS = (
    "bridge river mayor opened model memory window token 模型内存 窗口大小 缓存文件 harbour".split()
)
QUESTIONS = ["bridge mayor", "model memory window", "模型内存窗口", "token river", "harbour"]
AUTHORS, TAGS = ("Ann Lee", "Bo Ek", "陈伟"), ("howto", "Index", "draft", "faq")


def read_noted(data: bytes) -> Document:
    """Read a test's own format: a line of JSON with fields, then the text."""
    head, _, text = data.decode().partition("\n")
    found = json.loads(head)
    fields = tuple((name, value) for name, value in found["fields"])
    return Document(text, "noted", title=found["title"], fields=fields)


def write_noted(folder: Path, count: int = 60) -> dict[str, tuple[str, dict[str, list[str]], str]]:
    """Write documents, some of them at two paths; return what is known of each path."""
    rng = random.Random(7)
    known = {}
    for i in range(count):
        fields = [("author", rng.choice(AUTHORS)), ("date", f"2026-{rng.randint(1, 12):02}-15")]
        fields = rng.sample(fields, rng.randint(0, 2))
        fields += [("tag", tag) for tag in rng.sample(TAGS, rng.randint(0, 3))]
        text = "\n\n".join(
            " ".join(rng.choices(WORDS, k=rng.randint(30, 150))) + "."
            for _ in range(rng.randint(1, 3))
        )
        data = json.dumps({"title": f"No {i}", "fields": fields}) + "\n" + text
        mtime = datetime(2025, rng.randint(1, 12), 15, 12)
        by_name: dict[str, list[str]] = {}
        for name, value in fields:
            by_name.setdefault(name, []).append(value)
        date = by_name.get("date", [f"{mtime:%Y-%m-%d}"])[0]
        for part in rng.sample(["a", "b/deep", "c"], 1 + (i % 5 == 0)):
            file = folder / part / f"{i}.noted"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(data, "utf-8")
            os.utime(file, (mtime.timestamp(), mtime.timestamp()))
            known[f"docs/{part}/{i}.noted"] = (text, by_name, date)
    return known


Library = tuple[Rag, dict[str, tuple[str, dict[str, list[str]], str]]]


@pytest.fixture(
    scope="module", params=["all scored", "picked out", "of codes", "in no cache", "in part"]
)
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    """An index searched in each of the ways there are to find what is admitted."""
    folder = tmp_path_factory.mktemp("where")
    known = write_noted(folder / "docs")
    with pytest.MonkeyPatch.context() as patch:
        if request.param in ("picked out", "of codes", "in part"):
            patch.setattr("ragkit.index.admission.FEW", 20 if request.param == "in part" else 0)
        if request.param == "of codes":
            patch.setattr("ragkit.vectors.EXACT_BYTES", 0)
        loaders = {".noted": read_noted}
        embedder = HashingEmbedder()
        with Rag(folder / ".ragkit", embedder=embedder, loaders=loaders, candidates=1000) as rag:
            rag.ingest(folder / "docs")
            if request.param == "in no cache":
                catalog = Catalog.open(folder / ".ragkit", writing=True)
                with catalog.transaction():
                    for kind in ("dense", "lexical"):
                        catalog.ledger.set_caches(kind, [])
                catalog.close()
            yield rag, known


chosen_terms = st.one_of(
    st.tuples(st.just("tag"), st.lists(st.sampled_from(TAGS), min_size=1, max_size=2)),
    st.tuples(st.just("author"), st.lists(st.sampled_from(AUTHORS), min_size=1, max_size=2)),
    st.tuples(st.just("path"), st.sampled_from([["docs/a/**"], ["deep"], ["docs/c/*", "b"]])),
    st.tuples(
        st.sampled_from(["after", "before", "on"]),
        st.tuples(st.sampled_from(["2025-06", "2026-01", "2026-07", "2026-07-15"])).map(list),
    ),
)
chosen = st.lists(st.tuples(chosen_terms, st.booleans()), min_size=1, max_size=3)

Chosen = list[tuple[tuple[str, list[str]], bool]]
FOLDERS = {"docs/a/**": "docs/a/", "deep": "docs/b/deep/", "docs/c/*": "docs/c/", "b": "docs/b/"}


def admits(picked: Chosen, path: str, fields: dict[str, list[str]], date: str) -> bool:
    """Say whether a document is admitted, by other means than ragkit's."""
    joined: dict[tuple[str, bool], list[str]] = {}
    for (key, given_values), negated in picked:
        joined.setdefault((key, negated), []).extend(given_values)
    for (key, negated), wanted in joined.items():
        if key == "path":
            holds = any(path.startswith(FOLDERS[value]) for value in wanted)
        elif key == "after":
            holds = any(date >= value for value in wanted)
        elif key == "before":
            holds = any(date < value for value in wanted)
        elif key == "on":
            holds = any(date.startswith(value) for value in wanted)
        else:
            holds = any(value in fields.get(key, ()) for value in wanted)
        if holds == negated:
            return False
    return True


@pytest.mark.no_cover
@settings(max_examples=15)
@given(chosen, st.sampled_from(QUESTIONS), st.sampled_from(["hybrid", "dense", "lexical"]))
def test_a_search_within_a_filter_is_one_of_just_what_it_admits(
    library: Library, picked: Chosen, question: str, mode: str
) -> None:
    rag, known = library
    where = Where(tuple(Term(key, tuple(v), negated) for (key, v), negated in picked))
    allowed = {
        path for path, (_, fields, date) in known.items() if admits(picked, path, fields, date)
    }
    if not allowed:
        with pytest.raises(NothingFoundError, match="no file matches"):
            rag.search(question, where=where)
        return
    found = rag.find(question, where=str(where), mode=mode, k=1000)
    expected = by_brute_force(rag, {known[path][0] for path in allowed}, question, mode)
    assert [score for _, _, score in expected] == pytest.approx(
        [hit.score for hit in found.hits], abs=1e-4
    )
    assert {(hit.chunk.text, hit.chunk.start) for hit in found.hits} == {e[:2] for e in expected}
    assert {path for hit in found.hits for path in (hit.path, *hit.also)} <= allowed
    assert found.files == len(allowed)
    assert found.where == str(where)
    few = rag.find(question, where=where, mode=mode, k=3).hits
    assert [hit.score for hit in few] == pytest.approx([e[2] for e in expected[:3]], abs=1e-4)


def by_brute_force(
    rag: Rag, texts: set[str], question: str, mode: str
) -> list[tuple[str, int, float]]:
    """Return text, start and score of each passage of some texts, of the scores of all passages."""
    catalog = rag.reader().index.catalog
    chunks = {c.id: c.chunk for c in catalog.chunks.after(0) if is_in(catalog, c.content, texts)}
    with rag.reader().snapshot() as snapshot:
        query = query_terms(question, snapshot.facts.languages)
        scores = {}
        for view in VIEWS[mode]:
            if view == "dense":
                vector = HashingEmbedder().embed_query(question)
                scored = snapshot.dense_scores(vector, sorted(chunks))
            else:
                scored = snapshot.lexical_scores(view, query, sorted(chunks))
            scores[view] = scored
    pool = chunks if mode != "lexical" else {c for found in scores.values() for c in found}
    fused = weighted_sum(
        {
            view: scaled({c: found.get(c, 0.0) for c in pool}, from_zero=view == "headings")
            for view, found in scores.items()
        },
        WEIGHTS,
    )
    ranked = sorted(fused.items(), key=lambda item: -item[1])
    return [(chunks[c].text, chunks[c].start, score) for c, score in ranked]


def is_in(catalog: Catalog, content: int, texts: set[str]) -> bool:
    return catalog.texts.text(content) in texts


def test_one_file_of_a_thousand_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_many(tmp_path / ".ragkit", 1000, rare=812)
    for few in (20_000, 0):
        monkeypatch.setattr("ragkit.index.admission.FEW", few)
        with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
            for mode in ("hybrid", "dense", "lexical"):
                for text in ("tag:rare", "path:812.md", "serial:812 -tag:common"):
                    (hit,) = rag.search("who opened the bridge", mode=mode, where=text)
                    assert hit.path == "docs/812.md"
            assert len(rag.search("bridge", where="tag:common", k=30)) == 30


def write_many(folder: Path, count: int, *, rare: int, serials: bool = False) -> None:
    """Make an index of so many documents that are alike but for one, without any files."""
    embedder = HashingEmbedder()
    maker = Maker(embedder.name, embedder.fingerprint, embedder.dim, 200)
    index = Index.create(folder, maker)
    texts = [f"The bridge number {i} of the mayor." for i in range(count)]
    with index.catalog.transaction():
        keys = [digest_of(text.encode()) for text in texts]
        vectors = index.catalog.vectors.put(keys, embedder.embed_documents(texts))
        for i, (text, key) in enumerate(zip(texts, keys, strict=True)):
            serial = [("serial", str(i))] if serials or i == rare else []
            tags = (("tag", "rare" if i == rare else "common"), *serial)
            document = Document(text, "markdown", fields=tags)
            chunks = list(chunks_of(document, [(0, len(text))]))
            content = index.catalog.texts.put_content(document, "en", chunks, [vectors[key]])
            index.catalog.texts.put_source(Source(f"docs/{i}.md", content, 1, 1, 1, key))
    publish(index.catalog, folder, dim=embedder.dim)
    index.close()


def test_a_filter_that_admits_nothing_says_what_there_is(library: Library) -> None:
    rag, known = library
    with pytest.raises(NothingFoundError) as nothing:
        rag.ask("bridge", where="tag:howtoo path:docs/a/** -author:*")
    of_a = sum(path.startswith("docs/a/") for path in known)
    without = sum("author" not in fields for _, fields, _ in known.values())
    assert nothing.value.message == (
        "no file matches tag:howtoo path:docs/a/** -author:*:"
        f" 0 tag:howtoo, {of_a} path:docs/a/**, {without} -author:* (of {len(known)} files)"
    )
    assert "tag is " in nothing.value.hint
    assert "howto (" in nothing.value.hint
    for text, hint in (("title:x", "leave a term out"), ("from:x", "no file has a field 'from'")):
        with pytest.raises(NothingFoundError) as nothing:
            rag.search("bridge", where=text)
        assert hint in nothing.value.hint


def test_an_unknown_key_names_the_nearest(library: Library) -> None:
    with pytest.raises(ConfigError) as refused:
        library[0].search("bridge", where="tags:howto")
    assert refused.value.hint == "did you mean tag?"
    with pytest.raises(ConfigError) as refused:
        library[0].search("bridge", where="-xyzzy:1")
    assert refused.value.hint.startswith("one of: path, type, lang, tag,")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE contents SET title='x' WHERE id=1", "what is known of docs/a.md"),
        ("DELETE FROM contents WHERE id=1", "the text of docs/a.md"),
    ],
)
def test_a_damaged_row_is_no_reason_to_leave_a_file_out(
    tmp_path: Path, damage: str, said: str
) -> None:
    write(tmp_path / "docs", a="The bridge.", b="The river.")
    with Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag:
        rag.ingest(tmp_path / "docs")
    with contextlib.closing(sqlite3.connect(tmp_path / ".ragkit" / FILE)) as db:
        db.execute(damage)
        db.commit()
    with (
        Rag(tmp_path / ".ragkit", embedder=HashingEmbedder()) as rag,
        pytest.raises(IndexDamagedError, match=re.escape(said)),
    ):
        rag.search("river", where="path:b.md")


# -- the command line


def test_where_narrows_search_ask_and_batches(indexed: Path, ragkit: Terminal) -> None:
    question = "How long does a model stay loaded in memory?"
    found = ragkit.json("search", question, "--where", "lang:zh")
    assert (found["where"], [hit["path"] for hit in found["hits"]]) == ("lang:zh", ["docs/说明.md"])
    code, out, _ = ragkit("ask", question, "--where", "path:bridge.md")
    assert code == 1
    assert "Searched 1 files (1 passages) that match path:bridge.md; not found" in out
    assert ragkit.json("ask", question, "--where", "path:bridge.md")["where"] == "path:bridge.md"
    assert "限于 path:bridge.md" in ragkit("ask", "模型保留多久？", "--where", "path:bridge.md")[1]
    (indexed / "q.txt").write_text("model\nbridge\n")
    for command in ("ask", "search"):
        out = ragkit(command, "--batch", "q.txt", "--where", "path:docs", "--where", "-lang:zh")[1]
        lines = [json.loads(line) for line in out.splitlines()]
        assert [line["where"] for line in lines] == ["path:docs -lang:zh"] * 2
    assert ragkit("search", "saxophone", "--mode", "lexical", "--where", "lang:en")[2].startswith(
        "Error: nothing matches in the files that match lang:en\n"
    )


def test_a_path_with_a_dot_is_seen_from_the_working_folder(
    indexed: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paths(where: str) -> list[str]:
        found = ragkit.json("search", "bridge", "--mode", "dense", "--where", where)["hits"]
        return sorted(hit["path"] for hit in found)

    everything = ["docs/bridge.md", "docs/model.md", "docs/说明.md"]
    assert paths("path:./") == paths(f"path:{indexed}/docs/") == everything
    monkeypatch.chdir(indexed / "docs")
    assert paths("path:./b*") == ["docs/bridge.md"]
    assert paths("path:../docs/") == everything
    assert paths(f"path:{indexed}/docs/m*.md") == ["docs/model.md"]


@pytest.mark.parametrize(
    ("where", "code", "said"),
    [
        ("tag:howto", 1, "no file has a field 'tag'"),
        ("tga:howto", 2, "did you mean tag?"),
        ("after:soon", 2, "give 2026, 2026-05"),
        ("type:pdf", 1, "type is markdown (3)"),
    ],
)
def test_a_filter_that_is_wrong_or_admits_nothing_is_told_apart(
    indexed: Path, ragkit: Terminal, where: str, code: int, said: str
) -> None:
    for command in ("search", "ask"):
        ended, out, err = ragkit(command, "bridge", "--where", where)
        assert (ended, out) == (code, "")
        assert said in err


# -- listing


def test_ls_filters_and_sorts_by_what_files_say_of_themselves(library: Library) -> None:
    rag, known = library
    listed = rag.ls(where="tag:howto -tag:draft", sort="date")
    wanted = {
        path: date
        for path, (_, fields, date) in known.items()
        if "howto" in fields.get("tag", ()) and "draft" not in fields["tag"]
    }
    assert {each.path: each.date for each in listed} == wanted
    assert [each.path for each in listed] == sorted(wanted, key=lambda path: (wanted[path], path))
    back = rag.ls(where="tag:howto -tag:draft", sort="date", reverse=True)
    assert [each.date for each in back] == [each.date for each in reversed(listed)]
    for sort, value in (("passages", "chunks"), ("title", "title"), ("language", "language")):
        found = [getattr(each, value) for each in rag.ls(sort=sort)]
        assert found == sorted(found, key=str.casefold if sort == "title" else None)
    counted = rag.fields(where="path:docs/a/**")["tag"]["howto"]
    assert counted == len(rag.ls(where="path:docs/a/** tag:howto"))


def test_ls_says_it_on_the_command_line(here: Path, ragkit: Terminal) -> None:
    (here / "docs/broken.pdf").write_bytes(b"%PDF-1.7")
    os.utime(here / "docs/model.md", (0, datetime(2026, 5, 31, 12).timestamp()))
    ragkit("ingest", "docs", "--offline")
    lines = ragkit("ls", "--sort", "date", "-r")[1].splitlines()
    assert lines[0].split() == ["path", "type", "passages", "pages", "state", "date", "title"]
    assert lines[1].split() == ["docs/model.md", "markdown", "1", "indexed", "2026-05-31", "Models"]
    assert lines[-1].split() == ["docs/broken.pdf", "0", "failed"]
    listed = ragkit.json("ls", "--where", "after:2026")
    assert [each["path"] for each in listed] == ["docs/model.md"]
    assert len(ragkit("ls", "--where", "path:*.pdf")[1].splitlines()) == 2
    assert ragkit("ls", "--where", "tag:none")[0] == 1
    assert ragkit.json("ls", "--fields") == {
        "type": {"markdown": 3}, "lang": {"en": 2, "zh": 1},
    }  # fmt: skip
    assert ragkit("ls", "--fields", "--where", "lang:zh")[1] == (
        "field  value     files\ntype   markdown  1\nlang   zh        1\n"
    )


def test_of_many_values_the_commonest_are_shown(
    tmp_path: Path, ragkit: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_many(tmp_path / ".ragkit", 30, rare=3, serials=True)
    lines = ragkit("ls", "--fields")[1].splitlines()
    assert any(line.split() == ["tag", "common", "29"] for line in lines)
    assert "serial  ... and 20 more: --json has all" in lines
    assert len(ragkit.json("ls", "--fields")["serial"]) == 30
    listed = ragkit.json("ls", "--where", "serial:7")
    assert [each["fields"] for each in listed] == [{"tag": ["common"], "serial": ["7"]}]


def test_letters_of_patterns_can_be_meant_as_they_are() -> None:
    assert path_matches("d/a[1].md", "d/a[1].md")
    assert path_matches(r"d/a\[1\].md", "d/a[1].md")
    assert not path_matches(r"d/a\[1\].md", "d/a1.md")
    assert path_matches(escaped("d/[slug]/") + "*.md", "d/[slug]/p.md")
