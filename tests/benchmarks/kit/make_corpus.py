"""Write the corpora of the benchmark from evaldata: `medium` (about 1,850 Markdown files, 12 MB, English and Chinese) and `small`.

    python make_corpus.py OUT        # OUT/medium, OUT/small: the same files everywhere
"""

import gzip
import json
import re
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent / "evaldata"
GROUPS = {"scifact": 5, "hotpotqa-100": 5, "cookbook-docs": 1, "drcd-dev-long": 1, "chroma-chunking": 1}  # documents a file


def documents(name: str) -> list[dict]:
    with gzip.open(DATA / name / "docs.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write(out: Path, step: int) -> tuple[int, int]:
    files = size = 0
    for name, group in GROUPS.items():
        docs = documents(name)
        for i in range(0, len(docs), group * step):
            some = docs[i : i + group]
            title = some[0]["title"] or some[0]["id"]
            text = f"# {title}\n\n" + "\n\n".join(f"## {d['title'] or d['id']}\n\n{d['text']}" for d in some) + "\n"
            folder = out / name / f"{i // (group * 100):03}"
            folder.mkdir(parents=True, exist_ok=True)
            data = text.encode()
            slug = re.sub(r"[^\w-]+", "-", title)[:40].strip("-")
            (folder / f"{i:05}-{slug}.md").write_bytes(data)
            files, size = files + 1, size + len(data)
    return files, size


if __name__ == "__main__":
    root = Path(sys.argv[1])
    for name, step in (("medium", 1), ("small", 12)):
        files, size = write(root / name, step)
        print(f"{name}: {files} files, {size / 1e6:.1f} MB")
