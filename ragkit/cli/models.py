"""The models of an Ollama server: list, pull, show, create, copy, load, unload, rm."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import reduce
from typing import TYPE_CHECKING, Any

import click

from ragkit.cli.app import (
    Command,
    Group,
    cli,
    host_option,
    json_option,
    keep_alive_option,
    notice,
    options_option,
    quiet_option,
)
from ragkit.cli.completing import complete_models
from ragkit.cli.facts import Facts, all_facts, context, running_json, running_now, stays
from ragkit.cli.output import print_json, printable, size, table
from ragkit.cli.progress import TransferPrinter
from ragkit.config import Settings
from ragkit.errors import ModelNotFoundError, OllamaError

if TYPE_CHECKING:
    from ragkit.ollama import Client, InstalledModel, TransferStatus
    from ragkit.ollama.transfers import Transfer


def server_and(*more: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Add --host and --json, which all take, behind what one command takes."""
    added: tuple[Callable[[Any], Any], ...] = (json_option, host_option, *more[::-1])
    return lambda command: reduce(lambda made, add: add(made), added, command)


def name_argument(argument: str = "name", *, nargs: int = 1) -> Callable[[Command], Command]:
    """Add the name of an installed model, which the shell completes."""
    metavar = "NAME..." if nargs < 0 else argument.upper()
    complete = complete_models()
    return click.argument(
        argument, nargs=nargs, required=True, shell_complete=complete, metavar=metavar
    )


@contextmanager
def server(host: str | None) -> Iterator[Client]:
    """Connect to the server that the settings name, the first of several; no index is needed."""
    from ragkit.ollama import Client

    settings = Settings.load(given={"host": host})
    key = settings.api_key or None
    if len(settings.hosts) > 1:
        notice(
            f"of {len(settings.hosts)} servers, {settings.hosts[0]} is meant: --host names another"
        )
    with Client(settings.hosts[0], api_key=key, timeout_s=settings.timeout_s) as client:
        yield client


@cli.group(
    cls=Group, invoke_without_command=True, short_help="List, pull and manage the models of Ollama."
)
@server_and()
@click.pass_context
def models(ctx: click.Context, host: str | None, as_json: bool) -> None:
    """List the installed models: their size, their context, what they are good for.

    The last column says for how long more a model stays loaded, and with what context.

    \b
        ragkit models
        ragkit models pull nomic-embed-text
        ragkit models --host gpu-box --json
    """
    if ctx.invoked_subcommand is not None:  # to which the options before it go on
        given = host.split(",") if host else None
        ctx.default_map = {ctx.invoked_subcommand: {"host": given, "as_json": as_json}}
        return
    with server(host) as client:
        found = list(all_facts(client, client.tags()))
        address = str(client.address)
    if as_json:
        print_json([facts.as_json() for facts in found])
        return
    rows = [
        (
            facts.model.name.removesuffix(":latest"),
            size(facts.model.size),
            facts.info and facts.info.context_length,
            facts.good_for or "?",
            facts.loaded,
        )
        for facts in found
    ]
    click.echo(table(rows, ("model", "size", "context", "good for", "loaded")))
    if not rows:
        from ragkit.rag.parts import EMBED_MODEL, MODEL

        pulls = " and ".join(f"'ragkit models pull {name}'" for name in (EMBED_MODEL, MODEL))
        notice(f"no models are installed on {address}: {pulls} get what ragkit takes by itself")


@models.command(short_help="Download a model.")
@click.argument("name")
@server_and(
    quiet_option,
    click.option("--insecure", is_flag=True, help="From a registry without TLS."),
)
def pull(name: str, host: str | None, insecure: bool, as_json: bool, quiet: bool) -> None:
    """Download a model. One that was stopped goes on where it was.

    \b
        ragkit models pull nomic-embed-text
    """
    from ragkit.ollama.installed import nearest

    with server(host) as client:
        try:
            steps = client.pull_stream(name, insecure=insecure or None)
            last = _watched(name, steps, quiet=quiet)
        except ModelNotFoundError as error:
            if close := nearest(client.tags(), name):
                error.hint += f"; or did you mean {close}, which is installed?"
            raise
    if as_json:
        print_json({"model": name, "bytes": last.total, "moved_bytes": last.moved})
    else:
        click.echo(printable(f"pulled {name}, {size(last.total)}"))


def _watched(name: str, steps: Generator[TransferStatus, None, None], *, quiet: bool) -> Transfer:
    """Show how far a pull is, to its end; return the last of it."""
    from ragkit.ollama.transfers import Transfer, transfers

    printer = TransferPrinter(name, quiet=quiet)
    last = Transfer("")
    try:
        with closing(steps):
            for last in transfers(steps):
                printer(last)
    except OllamaError as error:
        error.hint = error.hint.replace("insecure=True", "--insecure")
        if last.done:
            error.hint += f"; {size(last.done)} are kept: the same command goes on from there"
        raise
    finally:
        printer.clear()
    return last


@models.command(short_help="Say what is known of a model.")
@name_argument()
@server_and()
def show(name: str, host: str | None, as_json: bool) -> None:
    """Say what is known of a model; nothing is loaded.

    \b
        ragkit models show llama3.2
    """
    from ragkit.ollama.installed import find

    with server(host) as client:
        model = find(client.tags(), name)
        info = client.show(model.name)
        running = running_now(client, model.name)
    facts = Facts(model, info, running)
    if as_json:
        keys = ("num_ctx", "system", "template", "modelfile", "license")
        parameters = {"modelfile_parameters": info.parameters.splitlines()}
        print_json(facts.as_json() | {key: getattr(info, key) for key in keys} | parameters)
        return
    rows = [
        ("model", model.name),
        ("size", f"{size(model.size)}, {model.parameter_size} {model.quantization_level}"),
        ("family", info.family),
        ("good for", facts.good_for),
        ("context", info.context_length and f"{info.context_length} tokens at most"),
        ("vectors", "embedding" in facts.capabilities and f"{info.embedding_length} dimensions"),
        ("loaded", facts.loaded or "no"),
        *(("parameter", " ".join(line.split())) for line in info.parameters.splitlines()),
        ("system", info.system),
        ("license", info.license.strip().partition("\n")[0]),
    ]
    for label, fact in rows:
        if fact:
            click.echo(f"{label:<10} {printable(str(fact))}")


@models.command(short_help="Make a model of another: other parameters, another system prompt.")
@click.argument("name")
@server_and(
    click.option(
        "--from",
        "base",
        required=True,
        metavar="BASE",
        shell_complete=complete_models(),
        help="The installed model it is made of.",
    ),
    click.option("--system", metavar="TEXT", help="Its system prompt."),
    options_option("-p", "parameters", help="A parameter of its own, such as num_ctx=8192."),
    quiet_option,
)
def create(
    name: str,
    base: str,
    system: str | None,
    parameters: dict[str, object] | None,
    host: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a model of another, under another name; their weights are shared.

    \b
        ragkit models create brief --from llama3.2 --system "Be brief." -p num_ctx=8192
    """
    from ragkit.ollama.installed import find

    with server(host) as client:
        found = find(client.tags(), base).name  # the server would begin to pull one it has not
        steps = client.create_stream(name, from_=found, system=system, parameters=parameters)
        _watched(name, steps, quiet=quiet)
    if as_json:
        print_json({"model": name, "from": found})
    else:
        click.echo(printable(f"made {name} of {found}"))


@models.command(short_help="Give a model another name beside its own.")
@name_argument("source")
@click.argument("name")
@server_and()
def copy(source: str, name: str, host: str | None, as_json: bool) -> None:
    """Give a model another name beside its own; their weights are shared.

    \b
        ragkit models copy llama3.2 reader
    """
    from ragkit.ollama.installed import find

    with server(host) as client:
        found = find(client.tags(), source).name
        client.copy(found, name)
    if as_json:
        print_json({"model": name, "from": found})
    else:
        click.echo(printable(f"copied {found} to {name}"))


@models.command(short_help="Load a model before it is needed.")
@name_argument()
@server_and(keep_alive_option, options_option("-o", "options"), quiet_option)
def load(
    name: str,
    keep_alive: str | None,
    options: dict[str, object] | None,
    host: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Load a model before it is needed, and say how long it stays; -1 is for ever.

    \b
        ragkit models load llama3.2 --keep-alive 30m
    """
    from ragkit.ollama.installed import can, find

    settings = Settings.load(given={"keep_alive": keep_alive})
    stay = settings.keep_alive or None
    with server(host) as client:
        model = find(client.tags(), name).name
        notice(f"loading {model}", quiet=quiet)
        patient = client.within(max(settings.timeout_s, settings.load_timeout_s))
        if can(client.show(model), "completion"):
            patient.chat(model, [], keep_alive=stay, options=options)
        else:
            patient.embed(model, keep_alive=stay, options=options)
        running = running_now(client, model)
    if as_json:
        print_json({"model": model, "loaded": running and running_json(running)})
    elif running:
        click.echo(printable(f"{model} stays loaded {stays(running)}{context(running)}"))
    else:
        click.echo(printable(f"{model} was loaded, and is no longer: see --keep-alive"))


def _to_end(client: Client, names: tuple[str, ...]) -> dict[str, InstalledModel]:
    """Return installed models by their whole names; nobody pulls one to be rid of it."""
    from ragkit.ollama.installed import find, nearest

    installed, found = client.tags(), {}
    for name in names:
        try:
            model = find(installed, name)
        except ModelNotFoundError as error:
            close = nearest(installed, name)
            error.hint = f"did you mean {close}?" if close else "'ragkit models' lists what is"
            raise
        found[model.name] = model
    return found


@models.command(short_help="Free the memory that a model takes.")
@name_argument()
@server_and()
def unload(name: str, host: str | None, as_json: bool) -> None:
    """Free the memory that a model takes, before its time.

    \b
        ragkit models unload llama3.2
    """
    with server(host) as client:
        (model,) = _to_end(client, (name,))
        running = running_now(client, model)
        if running:
            client.chat(model, [], keep_alive=0)  # embedding models too: nothing is asked of them
    if as_json:
        print_json({"model": model, "was_loaded": running is not None})
    else:
        done = f"unloaded {model}, {size(running.size)}" if running else f"{model} was not loaded"
        click.echo(printable(done))


@models.command(short_help="Delete models.")
@name_argument("names", nargs=-1)
@server_and()
def rm(names: tuple[str, ...], host: str | None, as_json: bool) -> None:
    """Delete models, and say which. Nothing is deleted if one of them is not installed.

    \b
        ragkit models rm llava
    """
    with server(host) as client:
        found = _to_end(client, names)
        for model in found.values():
            client.delete(model.name)
            if not as_json:
                click.echo(printable(f"removed {model.name}, {size(model.size)}"))
    if as_json:
        print_json({"removed": list(found)})
