"""Common form of an evaluation set, and reading / writing it. Needs numpy alone; the sets lie in $EVALDATA, by default in evaldata beside evalkit.

$EVALDATA/public/<set> may be handed out, $EVALDATA/heldout/<set> may not. A set is a folder:
  meta.json          name, kind, lang, licence, split, note, counts (where it comes from: SOURCES.md)
  docs.jsonl.gz      {"id", "title", "text", "lang"}
  queries.jsonl.gz   {"id", "text", "lang", "relevant": {doc id: grade}, "spans": [[doc id, start, end], ...],
                      "answer"?}
  chunks.jsonl.gz    optional, the publisher's own chunks: {"id", "doc", "start", "end"}

`kind` is "doc" (relevance of whole documents) or "span" (relevance of character ranges of documents; the
ranges are half-open and count Unicode code points of docs[...].text).
"""
from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(os.environ.get("EVALDATA") or Path(__file__).resolve().parents[1] / "evaldata")


@dataclass
class Doc:
    id: str
    text: str
    title: str = ""
    lang: str = "en"


@dataclass
class Query:
    id: str
    text: str
    relevant: dict[str, float] = field(default_factory=dict)
    spans: list[tuple[str, int, int]] = field(default_factory=list)
    lang: str = "en"
    answer: str | None = None


@dataclass
class Dataset:
    name: str
    kind: str
    docs: list[Doc]
    queries: list[Query]
    meta: dict
    chunks: list[tuple[str, int, int]] | None = None  # the publisher's own chunks

    def __post_init__(self):
        self.by_id = {d.id: d for d in self.docs}


def _read(path: Path):
    with gzip.open(path, "rt", encoding="utf-8") as f:
        for line in f:
            yield json.loads(line)


def _write(path: Path, rows) -> None:
    # mtime=0 and no file name, so that the same rows give the same bytes
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as f:
        for r in rows:
            f.write((json.dumps(r, ensure_ascii=False) + "\n").encode())


def names(split: str = "*", root: Path = ROOT) -> list[str]:
    metas = [*root.glob("*/meta.json"), *root.glob("*/*/meta.json")]
    return sorted(m["name"] for m in (json.loads(p.read_text("utf-8")) for p in metas) if split in ("*", m["split"]))


def load(name: str, root: Path = ROOT) -> Dataset:
    found = [p for p in (root / name, *root.glob(f"*/{name}"), Path(name)) if (p / "meta.json").exists()]
    if not found:
        raise FileNotFoundError(f"no set {name} under {root}; there are: {', '.join(names(root=root)) or 'none'}")
    p = found[0]
    meta = json.loads((p / "meta.json").read_text("utf-8"))
    docs = [Doc(r["id"], r["text"], r.get("title", ""), r.get("lang", "en")) for r in _read(p / "docs.jsonl.gz")]
    queries = [
        Query(r["id"], r["text"], r.get("relevant", {}), [tuple(s) for s in r.get("spans", [])],
              r.get("lang", "en"), r.get("answer"))
        for r in _read(p / "queries.jsonl.gz")
    ]
    chunks = None
    if (p / "chunks.jsonl.gz").exists():
        chunks = [(r["doc"], r["start"], r["end"]) for r in _read(p / "chunks.jsonl.gz")]
    return Dataset(meta["name"], meta["kind"], docs, queries, meta, chunks)


def save(ds: Dataset, root: Path = ROOT) -> None:
    p = root / ds.meta.get("split", "public") / ds.name
    p.mkdir(parents=True, exist_ok=True)
    check(ds)
    ids = {d.id for d in ds.docs}
    _write(p / "docs.jsonl.gz", ({"id": d.id, "title": d.title, "text": d.text, "lang": d.lang} for d in ds.docs))
    rows = []
    for q in ds.queries:
        r = {"id": q.id, "text": q.text, "lang": q.lang, "relevant": q.relevant}
        if q.spans:
            r["spans"] = q.spans
        if q.answer is not None:
            r["answer"] = q.answer
        rows.append(r)
    _write(p / "queries.jsonl.gz", rows)
    if ds.chunks:
        _write(p / "chunks.jsonl.gz",
               ({"id": f"{d}#{i}", "doc": d, "start": s, "end": e} for i, (d, s, e) in enumerate(ds.chunks)))
    meta = dict(ds.meta, name=ds.name, kind=ds.kind, docs=len(ids), queries=len(ds.queries),
                chars=sum(len(d.text) for d in ds.docs))
    (p / "meta.json").write_text(json.dumps(meta, ensure_ascii=False, indent=1) + "\n", "utf-8")


def check(ds: Dataset) -> None:
    text = {d.id: d.text for d in ds.docs}
    assert len(text) == len(ds.docs), "document ids repeat"
    assert len({q.id for q in ds.queries}) == len(ds.queries), "query ids repeat"
    for q in ds.queries:
        assert q.text.strip() and q.relevant, q.id
        assert all(d in text for d in q.relevant), q.id
        for d, s, e in q.spans:
            assert 0 <= s < e <= len(text[d]), (q.id, d, s, e)
        assert ds.kind == "doc" or q.spans, q.id
