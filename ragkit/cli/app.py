"""The command group, how errors end, and the options that commands share."""

from __future__ import annotations

import difflib
import errno
import gc
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial, reduce
from importlib import import_module
from typing import TypeVar

import click

from ragkit import __version__
from ragkit.cli.completing import complete_models
from ragkit.cli.output import is_unread, printable, tell
from ragkit.config import CHOICES, parse_option
from ragkit.errors import IndexWriteError, RagkitError, UntrustedHostError
from ragkit.where import as_where

Command = TypeVar("Command", bound=Callable[..., object])

INTERRUPTED, TERMINATED, FAULT = 130, 143, 70
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ENDPOINTS = CHOICES["endpoint"]
OPTION_HELP = "An option of Ollama's for the model, such as num_ctx=8192."


class ExamplesLast(click.Command):
    """A command whose help ends in its examples: what stands behind the mark in its docstring."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        described, _ = self._help
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(described)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self._help[1]:
            lines = (line.strip() for line in self._help[1].splitlines())
            formatter.write("\nExamples:\n" + "".join(f"  {line}\n" for line in lines if line))
        super().format_epilog(ctx, formatter)

    @property
    def _help(self) -> tuple[str, str]:
        """The description and the examples."""
        described, _, examples = inspect.cleandoc(self.help or "").partition("\b\n")
        return described, examples


class Group(ExamplesLast, click.Group):
    """Commands in the order they are written in; a mistyped one names the nearest."""

    command_class = ExamplesLast

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if close := difflib.get_close_matches(args[0], self.list_commands(ctx), n=1):
                told = f"no command {args[0]!r}; did you mean {close[0]!r}?"
                raise click.UsageError(told, ctx) from error
            raise


class Root(Group):
    """All commands, in sections, in the order of use; their list fits one screen."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, whose module is loaded now: a question has no use for the others."""
        for modules in SECTIONS.values():
            if module := modules.get(cmd_name):
                import_module(f"ragkit.cli.{module}")
        return super().get_command(ctx, cmd_name)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.list_commands(ctx)))
        formatter.write_paragraph()
        for title, names in SECTIONS.items():
            formatter.write(f"{title}:\n")
            formatter.indent()
            found = [(name, self.get_command(ctx, name)) for name in names]
            formatter.write_dl([(n.ljust(width), c.get_short_help_str(70)) for n, c in found if c])
            formatter.dedent()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"{self.epilog}\n")


SECTIONS = {  # title -> commands and the modules that have them
    "First": {"ingest": "indexing", "ask": "asking", "search": "asking"},
    "What is there": {
        "status": "indexing", "ls": "listing", "show": "showing", "open": "opening",
        "rm": "indexing", "check": "checking", "export": "portable", "import": "portable",
    },
    "Models and settings": {
        "models": "models", "doctor": "health", "config": "settings", "completion": "settings",
    },
}  # fmt: skip


@click.group(
    cls=Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="'ragkit COMMAND -h' says more of it, 'ragkit --version' says which this is.",
)
@click.version_option(__version__, prog_name="ragkit")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Ask your own documents, on your own machine: answers cited to page and line."""
    if ctx.invoked_subcommand is None:
        from ragkit.index.folder import locate

        folder, _ = locate(os.environ.get("RAGKIT_INDEX"))
        click.echo(ctx.get_help() if folder and folder.is_dir() else FIRST_STEPS)


FIRST_STEPS = """\
There is no index in this folder yet. First read your documents, then ask them:

  ragkit ingest FOLDER
  ragkit ask "question"

Models of Ollama do the work: 'ragkit models' lists them. Without a server: --offline.
'ragkit -h' lists all commands."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came: it ends a command as Ctrl-C does, with an exit code of its own."""


def _terminate(*_: object) -> None:
    raise Terminated


def main() -> None:
    """Run the command line and exit: the console script."""
    _open_streams()
    signal.signal(signal.SIGTERM, _terminate)
    code = run(sys.argv[1:])
    hurried = (
        code in (INTERRUPTED, TERMINATED) and threading.active_count() > 1
    )  # one waits for a server
    if hurried:  # pragma: no cover - it ends the process: a test starts one of its own
        sys.stdout.flush()
        os._exit(code)  # what was finished is kept, and the system lets go of the lock
    sys.exit(code)


def _open_streams() -> None:
    """Have all three streams: where one is closed, the next file would be opened in its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def run(arguments: list[str]) -> int:
    """Run the command line; return the exit code (README.md, "When it fails")."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # halves the import of numpy
    gc.set_threshold(50_000, 20, 20)  # an ingest makes many objects, and none that is a cycle
    output = sys.stdout
    try:
        try:
            code = _main(arguments)
        except UntrustedHostError as error:  # before anything was done
            if not _confirmed(error):
                raise
            code = _main(arguments)
    except click.UsageError as error:
        error.show()
        given = error.ctx.params if error.ctx else {}
        if given.get("question") and "extra argument" in error.message:
            tell("  hint: give the question in quotes")
        return error.exit_code
    except RagkitError as error:
        complain(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        tell("Interrupted; what was finished is kept.")
        cause = error.__cause__ or error  # click hides it behind its own
        return TERMINATED if isinstance(cause, Terminated) else INTERRUPTED
    except OSError as error:
        return _output_ended(error)
    except SystemExit:
        if sys.stdout is output:  # else click has seen that the output was closed
            raise
        code = 0
    except Exception as error:  # noqa: BLE001 - the one place that turns a fault into its exit code
        return _fault(error)
    return code if isinstance(code, int) else 0


def _main(arguments: list[str]) -> object:
    return cli.main(arguments, prog_name="ragkit", standalone_mode=False)


def _confirmed(error: UntrustedHostError) -> bool:
    """Ask a person whether an index may name its server, and remember a yes."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    from ragkit.cli.settings import remember

    told = f"{error.message}.\nUse it for this index from now on?"
    if not click.confirm(printable(told, keep="\n"), err=True):
        return False
    remember(error.host, error.index)
    return True


def _output_ended(error: OSError) -> int:
    """Return the exit code where the output takes no more: quietly for ``ragkit ls | head``."""
    is_closed = is_unread(error, sys.stdout)
    if not is_closed and error.errno not in NO_SPACE:
        return _fault(error)
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until exit
    if is_closed:
        return 0
    hint = "free some space, or write the output elsewhere"
    complain(IndexWriteError(f"cannot write the output: {error.strerror}", hint=hint))
    return IndexWriteError.exit_code


def complain(error: RagkitError) -> None:
    """Say an error on stderr, and what to type."""
    tell(printable(f"Error: {error}", keep="\n\t"))


def _fault(error: Exception) -> int:
    told = f"Error: a fault of ragkit's own: {type(error).__name__}: {error}\n"
    hint = "  hint: run it again with RAGKIT_DEBUG=1 for the details, and please report them"
    tell(printable(told, keep="\n\t") + hint)
    if os.environ.get("RAGKIT_DEBUG"):
        raise error
    return FAULT


class _Folder(click.types.StringParamType):
    """A folder's path, of which a variable holds one, blanks in it or not."""

    name = "folder"

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv] if rv else []


def index_option(command: Command) -> Command:
    """Add --index."""
    return click.option(
        "--index",
        type=_Folder(),
        metavar="FOLDER",
        envvar="RAGKIT_INDEX",
        multiple=True,
        callback=_one_index,
        help="The index; by default the .ragkit here or in the nearest folder above.",
    )(command)


def _one_index(_: object, __: object, given: tuple[str, ...]) -> str | None:
    """Return the index that was named. Two are refused, not one of them taken."""
    if len(given) > 1:
        raise click.UsageError(f"one index is meant, {len(given)} are given: {', '.join(given)}")
    return given[0] if given else None


def json_option(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def offline_option(command: Command) -> Command:
    """Add --offline."""
    return click.option(
        "--offline", is_flag=True, default=None, help="Use the built-in models: no server."
    )(command)


def host_option(command: Command) -> Command:
    """Add --host, which becomes one text with commas, as the setting is."""
    return click.option(
        "--host",
        multiple=True,
        callback=lambda _, __, given: ",".join(given) or None,
        help="The Ollama server; several are named one by one.  [default: 127.0.0.1:11434]",
    )(command)


def keep_alive_option(command: Command) -> Command:
    """Add --keep-alive."""
    return click.option("--keep-alive", help="How long models stay loaded, such as 30m.")(command)


def options_option(*names: str, help: str = OPTION_HELP) -> Callable[[Command], Command]:
    """Add ``-o KEY=VALUE``, or the like: options of Ollama's, which become one mapping."""
    return click.option(*names, metavar="KEY=VALUE", multiple=True, callback=_joined, help=help)


def server_options(setting: str) -> Callable[[Command], Command]:
    """Add what says which server and embedding model; ``-o`` gives options of Ollama's.

    All are named as the settings are, so that a command passes them on as they come.

    Args:
        setting: which model's options they are: "options" or "embed_options".
    """
    added: tuple[Callable[[Command], Command], ...] = (
        options_option("-o", setting),
        keep_alive_option,
        click.option("--endpoint", type=click.Choice(ENDPOINTS), help="How to embed with Ollama."),
        host_option,
        click.option(
            "--embed-model",
            shell_complete=complete_models("embedding"),
            help="The embedding model.  [default: nomic-embed-text]",
        ),
    )

    return lambda command: reduce(lambda made, add: add(made), added, command)


def _joined(_: object, __: object, given: tuple[str, ...]) -> dict[str, object] | None:
    """Return the options of all ``-o``, None for none."""
    found: dict[str, object] = {}
    for text in given:
        found |= parse_option(text)
    return found or None


def quiet_option(command: Command) -> Command:
    """Add -q."""
    return click.option("-q", "--quiet", is_flag=True, help="No progress, no notices.")(command)


def where_option(command: Command) -> Command:
    """Add --where; several are one filter, with blanks between."""
    return click.option(
        "--where",
        metavar="FILTER",
        multiple=True,
        callback=lambda _, __, given: as_where(given),
        help="Only files such as 'path:docs/** tag:howto after:2026-01 -lang:zh type:pdf'.",
    )(command)


def wait_option(command: Command) -> Command:
    """Add --wait."""
    return click.option(
        "--wait", is_flag=True, help="Wait for another process that writes to the index."
    )(command)


def verbose_option(command: Command) -> Command:
    """Add -v."""
    return click.option("-v", "--verbose", is_flag=True, help="Say more.")(command)


def notice(text: str, *, quiet: bool = False) -> None:
    """Say something beside the data, on stderr."""
    if not quiet:
        tell(printable(text, keep="\n\t"))


def notices(*, quiet: bool) -> Callable[[str], None]:
    """Return what says on stderr what ``Rag`` has to say beside its results."""
    return partial(notice, quiet=quiet)
