"""Commands about the settings and the shell: config, completion."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import click
from click.core import ParameterSource

from ragkit.cli.app import Group, cli, index_option, json_option, notice
from ragkit.cli.output import print_json, printable, table
from ragkit.config import (
    FILE,
    OLLAMA,
    Settings,
    read_file,
    refuse_keys,
    require_known,
    user_file,
)
from ragkit.errors import ConfigError, IndexMissingError, IndexWriteError
from ragkit.settings_file import with_setting, without_setting
from ragkit.trust import is_own, trust

SECRET = "api_key"
HIDDEN = "(set; not shown)"

file_option = click.option(
    "--index", "file_index", metavar="FOLDER", help="Write the config.toml of that index."
)

name_argument = click.argument(
    "name",
    shell_complete=lambda _, __, begun: [
        field.name for field in fields(Settings) if field.name.startswith(begun)
    ],
)


@cli.group(
    cls=Group, invoke_without_command=True, short_help="Show the settings and where they come from."
)
@index_option
@json_option
@click.pass_context
def config(ctx: click.Context, index: str | None, as_json: bool) -> None:
    """Show each setting, its value, and where it comes from: a file, a variable, the default.

    \b
        ragkit config
        ragkit config set model qwen3
        ragkit config unset model
    """
    if ctx.invoked_subcommand is not None:  # to which the options before it go on
        is_typed = ctx.get_parameter_source("index") is ParameterSource.COMMANDLINE
        given = {"file_index": index if is_typed else None, "as_json": as_json}
        ctx.default_map = {ctx.invoked_subcommand: given}
        return
    from ragkit.index.folder import locate

    _, home = locate(index)
    settings, origins = Settings.load_with_origins(home)
    found = [(field.name, getattr(settings, field.name)) for field in fields(settings)]
    shown = [(name, HIDDEN if name == SECRET and value else value) for name, value in found]
    if as_json:
        rows = {
            name: {"value": value, "from": origins.get(name, "default")} for name, value in shown
        }
        print_json(rows)
        return
    words = [
        (name, _word(value), _place(Path(origins.get(name, "default")))) for name, value in shown
    ]
    click.echo(table(words, ("setting", "value", "from")))


def _place(file: Path) -> str:
    """Return a file as people name it: as seen from here, or from home, or as a whole."""
    names = [str(file)]
    with suppress(KeyError, ValueError):  # no home; not below it
        names.append(f"~/{file.relative_to(os.environ['HOME']).as_posix()}")
    with suppress(ValueError):
        names.append(str(file.relative_to(Path.cwd())))
    return min(names, key=len)


def _word(value: object) -> str:
    """Return a value as ``config set`` takes it, "-" where it is empty."""
    if isinstance(value, dict):
        pairs = [f"{key}={json.dumps(each, ensure_ascii=False)}" for key, each in value.items()]
        return ",".join(pairs) or "-"
    return str(value).lower() if isinstance(value, bool) else str(value) or "-"


@config.command("set", short_help="Write a setting into your config.toml.")
@name_argument
@click.argument("value")
@file_option
@json_option
def set_(name: str, value: str, file_index: str | None, as_json: bool) -> None:
    """Write a setting into your own config.toml, or into an index's; the rest of it stays.

    Options of models are given as in variables.

    \b
        ragkit config set model qwen3
        ragkit config set options num_ctx=8192,temperature=0
        ragkit config set k 5 --index .ragkit
    """
    require_known(name, "config set")
    file = _file(file_index)
    if file_index is not None:
        refuse_keys({name: value}, file)
    settings = Settings.load(env={}, given={name: value})
    if file_index is not None and name == "host":  # who types it has confirmed it
        remember(settings.host, Path(file_index))
    _write(file, with_setting(_text(file), name, getattr(settings, name)), is_secret=name == SECRET)
    if as_json:
        print_json({"name": name, "file": str(file)})
    else:
        click.echo(printable(f"{name} is set in {_place(file)}"))
    _tell_stronger(name, file)


@config.command("unset", short_help="Take a setting out of your config.toml.")
@name_argument
@file_option
@json_option
def unset(name: str, file_index: str | None, as_json: bool) -> None:
    """Take a setting out of your own config.toml, or out of an index's; the rest of it stays.

    \b
        ragkit config unset model
    """
    file = _file(file_index)
    text = _text(file)
    changed = without_setting(text, name)
    if changed == text:
        require_known(name, "config unset")
    else:
        _write(file, changed)
    if as_json:
        print_json({"name": name, "file": str(file), "was_set": changed != text})
    else:
        was = "no longer" if changed != text else "not"
        click.echo(printable(f"{name} is {was} set in {_place(file)}"))
    if changed != text:
        _tell_stronger(name, file)


def _tell_stronger(name: str, file: Path) -> None:
    """Say which variable wins over a file all the same."""
    variables = [f"RAGKIT_{name.upper()}", *(v for v, sets in OLLAMA.items() if sets == name)]
    if variable := next(filter(os.environ.__contains__, variables), None):
        notice(f"{variable} is set too, and wins over {_place(file)}")


def remember(host: str, index: Path) -> None:
    """Remember that the user wants an index to name a server.

    Raises:
        IndexWriteError: no space, no permission.
    """
    own = _file(None).parent
    if is_own(host):
        return
    try:
        trust(host, index=index, own=own)
    except OSError as error:
        raise _cannot_write(own, error) from error


def _file(index: str | None) -> Path:
    """Return the file that is to be written.

    Raises:
        ConfigError: there is no place for it.
    """
    if index is None:
        file = user_file(os.environ)
        if file is None:
            raise ConfigError(
                "where your settings are to be is not known", hint="set HOME or XDG_CONFIG_HOME"
            )
        return file
    folder = Path(index)
    if not os.path.isdir(folder):  # noqa: PTH112 - never raises
        raise IndexMissingError(
            f"no index at {index}", hint=f"ragkit ingest FOLDER --index {index}"
        )
    return folder / FILE


def _text(file: Path) -> str:
    """Return the text of a file that can be read as settings, "" if there is none."""
    if not file.exists():
        return ""
    read_file(file)
    return file.read_bytes().decode()


def _write(file: Path, text: str, *, is_secret: bool = False) -> None:
    """Write a file as a whole or not at all; one with a key is for its owner's eyes only.

    Raises:
        IndexWriteError: no space, no permission.
    """
    import tempfile

    target = file.resolve()  # a link, as people keep who have their settings elsewhere, stays one
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode if target.exists() else 0o644
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".config-") as folder:
            new = Path(folder, FILE)
            new.write_bytes(text.encode())
            new.chmod(0o600 if is_secret else mode)
            new.replace(target)
    except OSError as error:
        raise _cannot_write(file, error) from error


def _cannot_write(path: Path, error: OSError) -> IndexWriteError:
    return IndexWriteError(
        f"cannot write {_place(path)}: {error.strerror}", hint="see the rights and the space there"
    )


@cli.command(short_help="Print what makes the shell complete commands and models.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that makes the shell complete commands, flags and installed models.

    \b
        ragkit completion bash >> ~/.bashrc
        ragkit completion zsh >> ~/.zshrc
        ragkit completion fish > ~/.config/fish/completions/ragkit.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:  # pragma: no cover - click knows these three
        raise LookupError(shell)
    script = found(cli, {}, "ragkit", "_RAGKIT_COMPLETE").source()
    if shell == "bash":  # which cuts words at the colon of "qwen3:4b"
        script = f'COMP_WORDBREAKS="${{COMP_WORDBREAKS//:}}"\n{script}'
    click.echo(script)
