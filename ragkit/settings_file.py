"""One setting changed in the text of a config.toml, and all else left as it was.

What stands on a line of its own is changed there; what does not is refused. The new text is read
again: it has to hold what was asked for, and everything else that the old one held.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping

from ragkit.errors import ConfigError


def with_setting(text: str, name: str, value: object) -> str:
    r"""Return the text of a config.toml with a setting in it; comments and order stay.

    Raises:
        ConfigError: it stands there in a form that cannot be edited line by line, or the value
            cannot be written.

    >>> with_setting("# mine\nk = 3  # few\n", "k", 5)
    '# mine\nk = 5  # few\n'
    >>> with_setting("k = 3\n[options]\nseed = 1\n", "mode", "dense")
    'k = 3\nmode = "dense"\n[options]\nseed = 1\n'
    """
    line = f"{name} = {_toml(value, name)}"
    lines = text.split("\n")
    if (at := _place(lines, name)) is not None:
        lines[at] = line + _after_value(lines[at])
    else:
        before = next((i for i, each in enumerate(lines) if each.lstrip().startswith("[")), None)
        if before is None:  # behind the last line, which may lack its end
            before = len(lines) if lines[-1].strip() else len(lines) - 1
        lines.insert(before, line + ("\r" if "\r\n" in text else ""))
    changed = "\n".join(lines)
    return _checked(changed if changed.endswith("\n") else changed + "\n", text, name, value)


def without_setting(text: str, name: str) -> str:
    r"""Return the text of a config.toml without a setting; its line goes, with its comment.

    Raises:
        ConfigError: it stands there in a form that cannot be edited line by line.

    >>> without_setting("# mine\nk = 3  # few\nmode = 'dense'\n", "k")
    "# mine\nmode = 'dense'\n"
    """
    lines = text.split("\n")
    if (at := _place(lines, name)) is not None:
        del lines[at]
    return _checked("\n".join(lines), text, name, None)


def _place(lines: list[str], name: str) -> int | None:
    """Return which line begins as the setting does, before the first table."""
    for i, line in enumerate(lines):
        if re.match(rf"\s*{re.escape(name)}\s*=", line):
            return i
        if line.lstrip().startswith("["):
            break
    return None


def _after_value(line: str) -> str:
    """Return what follows the value on a line: a comment, the end of a line of Windows."""
    for found in re.finditer(r"\s*(#|\r?$)", line):
        try:
            tomllib.loads(line[: found.start()])
        except tomllib.TOMLDecodeError:
            continue  # that one stands within a text
        return line[found.start() :]
    return ""


def _checked(changed: str, text: str, name: str, value: object) -> str:
    """Return the new text if it says what it should, and nothing else but what the old one said."""
    wanted = {key: found for key, found in tomllib.loads(text).items() if key != name}
    if value is not None:
        wanted[name] = value
    try:
        is_right = tomllib.loads(changed) == wanted
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        raise ConfigError(
            f"{name} stands in the file in a form that is not edited here",
            hint=f"edit it by hand: one line, {name} = ...",
        )
    return changed


def _toml(value: object, name: str) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, str):
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ConfigError(f"{name} is not UTF-8", hint="type it in a terminal that is")
        return _quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(_toml(each, name) for each in value)}]"
    if isinstance(value, Mapping):
        pairs = [f"{_key(key)} = {_toml(each, name)}" for key, each in value.items()]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    raise ConfigError(f"{name} cannot hold {value!r} in a file", hint="leave it out")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _quoted(key)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # as TOML wants it
