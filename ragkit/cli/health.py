"""The command that finds out what is wrong: doctor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ragkit.cli.app import (
    cli,
    index_option,
    json_option,
    notices,
    offline_option,
    quiet_option,
    server_options,
)
from ragkit.cli.output import print_json, printable
from ragkit.cli.wrapping import terminal_columns, wrapped
from ragkit.errors import ConfigError

if TYPE_CHECKING:
    from ragkit.types import Check

NAME_COLUMNS = 12


@cli.command(short_help="Find out what is wrong, and what to do.")
@index_option
@offline_option
@server_options("embed_options")
@click.option("--model", help="The model that answers.  [default: llama3.2]")
@click.option("--no-probe", is_flag=True, help="Embed and answer nothing: no model is loaded.")
@json_option
@quiet_option
def doctor(
    index: str | None,
    no_probe: bool,
    as_json: bool,
    quiet: bool,
    **settings: Any,  # noqa: ANN401 - as Settings has them
) -> int:
    """Check Python, packages, the server, its models and the index, and say what to do.

    Nothing is changed. Two probes load models: a text is embedded and a question answered. The
    exit code is that of the first thing that fails; what depends on it is skipped.

    \b
        ragkit doctor
        ragkit doctor --host gpu-box --no-probe
    """
    try:
        import ragkit.doctor  # noqa: F401 - brings in all that it needs
        from ragkit.rag import Rag
    except ImportError as error:
        raise ConfigError(
            f"a package that ragkit needs cannot be imported: {error}",
            hint="pip install --force-reinstall . in the folder of ragkit's source",
        ) from error

    with Rag(index, notify=notices(quiet=quiet), **settings) as rag:
        checks = []
        for check in rag.doctor(probe=not no_probe):
            checks.append(check)
            if not as_json:
                click.echo("\n".join(_lines(check)))
    if as_json:
        print_json({"checks": [_json(check) for check in checks]})
    return next((check.exit_code for check in checks if check.state == "fail"), 0)


def _lines(check: Check) -> Iterator[str]:
    begin = f"{check.state:<7}  {check.name:<{NAME_COLUMNS}} "
    texts = [check.text, f"hint: {check.hint}"] if check.hint else [check.text]
    for i, text in enumerate(texts):
        lead = " " * len(begin) if i else begin
        yield lead + wrapped(printable(text), terminal_columns(), indent=len(begin))


def _json(check: Check) -> dict[str, object]:
    said = {name: getattr(check, name) for name in ("name", "state", "text", "hint")}
    return {**said, **check.facts}
