"""Patterns of paths, as in a .gitignore, and of other values; case and width do not count."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

TOKEN = re.compile(r"\\.|\*\*/|/\*\*$|\*+|\?|\[[!^]?\]?[^\]/]*\]|/|[^*?\[/\\]+|\[|\\$", re.DOTALL)
SPECIAL = re.compile(r"[*?\[\\]")


def folded(text: str) -> str:
    """Return what texts have in common that differ by case, width or composition only.

    >>> folded("ＨＯＷ－Ｔｏ") == folded("how-to"), folded("Straße")
    (True, 'strasse')
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


@lru_cache(maxsize=1000)
def pattern(glob: str, *, crosses: bool = True) -> re.Pattern[str]:
    r"""Return the pattern of whole folded values that a glob means: ``*``, ``?``, ``[abc]``.

    A backslash takes its meaning from the letter behind it.

    Args:
        glob: as it was written.
        crosses: ``*`` takes slashes too; else only ``**`` does.
    """
    inner, one = ("[^/]", "[^/]") if not crosses else (".", ".")
    parts = []
    for token in TOKEN.findall(glob):
        if token[0] == "\\" and len(token) == 2:
            parts.append(re.escape(folded(token[1])))
        elif token == "**/":
            parts.append("(?:.*/)?")
        elif token == "/**":
            parts.append("/.*")
        elif token.startswith("*"):
            parts.append(".*" if len(token) > 1 else f"{inner}*")
        elif token == "?":
            parts.append(one)
        elif token.startswith("[") and len(token) > 1:
            parts.append(_class(token))
        else:
            parts.append(re.escape(folded(token)))
    return re.compile("".join(parts), re.DOTALL)


def _class(token: str) -> str:
    """Return the set of letters that brackets mean; brackets that make none are letters."""
    inner = token[1:-1]
    negated = inner[:1] in ("!", "^")
    letters = folded(inner[1:] if negated else inner)
    guarded = re.sub(r"([\\\]\[^&~|])", r"\\\1", letters)
    try:
        re.compile(made := f"[{'^/' if negated else ''}{guarded}]")
    except re.error:  # "[z-a]"
        return re.escape(folded(token))
    return made


def path_matches(glob: str, path: str) -> bool:
    """Say whether a pattern means a path or a folder above it.

    One without a slash inside means a name at any depth, as in a .gitignore; others are of the
    whole path. An archive is the folder of its members. A path means itself, whatever is in it.

    >>> [path_matches(glob, "docs/zip/a.zip!/b/C.md") for glob in ("*.md", "docs/*", "docs/*.md")]
    [True, True, False]
    >>> [path_matches(glob, "docs/zip/a.zip!/b/C.md") for glob in ("a.zip", "**/b/**", "/C.md")]
    [True, True, False]
    """
    path = folded(path)
    if folded(glob) == path:
        return True
    is_folder = glob.endswith("/")
    body = glob.rstrip("/") or "/"
    if "/" not in body:
        body = f"**/{body}"
    elif body.startswith("/") and not path.startswith("/"):
        body = body[1:]
    matches = pattern(body, crosses=False).fullmatch
    ends = [i for i, letter in enumerate(path) if letter == "/" and i]
    above = [path[:i].removesuffix("!") for i in ends]
    return any(map(matches, above)) or (not is_folder and matches(path) is not None)


def escaped(value: str) -> str:
    r"""Return the pattern that means just this value.

    >>> escaped("[slug]/a.md")
    '\\[slug]/a.md'
    """
    return SPECIAL.sub(r"\\\g<0>", value)


def is_glob(value: str) -> bool:
    """Say whether a value has a letter that patterns give a meaning."""
    return SPECIAL.search(value) is not None
