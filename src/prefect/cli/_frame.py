"""How a command line becomes a call: the root command, groups, parameters, errors and exit codes.

It must not know what any command does, and must import nothing but click before the command is known.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from prefect import cli
from prefect._lazy import lazy
from prefect.cli import _output
from prefect.exceptions import PrefectException

if TYPE_CHECKING:
    import difflib
    import traceback

    from prefect.settings import context as settings_context
else:
    difflib = lazy("difflib")
    settings_context = lazy("prefect.settings.context")
    traceback = lazy("traceback")

SESSION_HELP = [
    ("--profile, -p NAME", "Use this profile; its values win over the environment."),
    ("--prompt / --no-prompt", "Whether questions may be asked."),
]


def run(args: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit code: 0, 1 when the command failed, 2 when it was not understood."""
    try:
        return _run(list(sys.argv[1:] if args is None else args))
    except BrokenPipeError:  # the reader of our output has seen enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(args: list[str]) -> int:
    try:
        args, profile, prompt = take_session_options(args)
        with _session(profile, prompt):
            code = root.main(args, prog_name="prefect", standalone_mode=False)
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "prefect"
        _output.error(f"{error.format_message()} See `{where} --help`.")
        return 2
    except click.ClickException as error:
        _output.error(error.format_message())
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _output.error("Aborted.")
        return 130
    except (PrefectException, NotImplementedError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        _output.error(_one_line(error))
        return 1
    except Exception as error:  # the boundary to the person: no traceback unless asked for
        return _unexpected(error)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _unexpected(error: Exception) -> int:
    if os.environ.get("PREFECT_DEBUG_MODE", "").lower() in ("1", "true", "yes", "on"):
        traceback.print_exception(error)
    else:
        _output.error(
            f"{type(error).__name__}: {_one_line(error)} This is not expected; PREFECT_DEBUG_MODE=1 shows where it is."
        )
    return 1


def take_session_options(args: Sequence[str]) -> tuple[list[str], str | None, bool | None]:
    """Take the options that every command has out of a command line, up to `--`.

    `-p` counts only before the command, because commands have a `-p` of their own.
    """
    rest: list[str] = []
    profile: str | None = None
    prompt: bool | None = None
    items = iter(args)
    for item in items:
        if item == "--":
            return [*rest, item, *items], profile, prompt
        if item == "--profile" or (item == "-p" and not rest):
            profile = next(items, None)
            if profile is None:
                raise click.UsageError(f"Option {item} needs the name of a profile.")
        elif item.startswith("--profile="):
            profile = item.removeprefix("--profile=")
        elif item in ("--prompt", "--no-prompt"):
            prompt = item == "--prompt"
        else:
            rest.append(item)
    return rest, profile, prompt


@contextlib.contextmanager
def _session(profile: str | None, prompt: bool | None) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        if profile is not None:
            stack.enter_context(settings_context.use_profile(profile, override_environment_variables=True))
        if prompt is not None:
            stack.enter_context(settings_context.temporary_settings({"cli.prompt": prompt}))
        yield


class Group(click.Group):
    """A group that shows its help when no command is given, and suggests one for a name it does not know."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)

    def known_names(self, ctx: click.Context) -> list[str]:
        return self.list_commands(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            near = difflib.get_close_matches(name, self.known_names(ctx), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {name!r}.{hint}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        _write_session_options(formatter)


class Command(click.Command):
    """A command whose help also shows the options that every command has."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        _write_session_options(formatter)


def _write_session_options(formatter: click.HelpFormatter) -> None:
    with formatter.section("Options of every command"):
        formatter.write_dl(SESSION_HELP)


Group.command_class = Command
Group.group_class = type  # groups inside groups are of the same kind


class RootGroup(Group):
    """The commands of the table, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(entry.name for entry in cli.COMMANDS)

    def known_names(self, ctx: click.Context) -> list[str]:
        return [name for entry in cli.COMMANDS for name in (entry.name, *entry.aliases)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for entry in cli.COMMANDS:
            if cmd_name == entry.name or cmd_name in entry.aliases:
                return importlib.import_module(f"prefect.cli.{entry.module}").command
        if cmd_name in cli.LATER:
            raise NotImplementedError(f"`prefect {cmd_name}` is not there yet; a later release brings it.")
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (f"{entry.name} ({', '.join(entry.aliases)})" if entry.aliases else entry.name, entry.summary)
            for entry in sorted(cli.COMMANDS)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        import prefect

        click.echo(prefect.__version__)
        ctx.exit()


@click.group(cls=RootGroup, context_settings={"help_option_names": ["--help"], "max_content_width": 100})
@click.option(
    "--version", "-v", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def root() -> None:
    """Run flows and look at what they did."""


def group(name: str, help: str) -> Group:
    """A group of commands; give its commands with `@command.command("name")`."""
    return Group(name, help=help)


def command(name: str, **options: Any) -> Callable[[Callable[..., Any]], Command]:
    """A command that stands alone."""
    return click.command(name, cls=Command, **options)


def positional(
    name: str, *, help: str, required: bool = True, many: bool = False, type: Any = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A parameter that is given by its place or, as `--name`, by its name.

    Args:
        name: The function's parameter.
        help: What it is, for the error when it is missing.
        required: Whether it must be given; otherwise it may be None (or empty, with `many`).
        many: Whether there may be several; the function gets a tuple.
        type: A click type.
    """
    option = "--" + name.replace("_", "-")

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @click.argument(name, required=False, nargs=-1 if many else 1, type=type)
        @click.option(option, f"{name}_by_name", hidden=True, multiple=many, type=type)
        @functools.wraps(function)
        def call(**values: Any) -> Any:
            by_place, by_name = values.pop(name), values.pop(f"{name}_by_name")
            value = (*by_place, *by_name) if many else (by_name if by_place is None else by_place)
            if required and value in (None, ()):
                raise click.UsageError(f"{name.upper()} is missing. {help}", ctx=click.get_current_context())
            return function(**{name: value}, **values)

        return call

    return decorate


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option `-o json`; the function's parameter `output` is "json" or None."""

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is not None and value != "json":
            _output.fail("Only 'json' output format is supported.")
        return value

    return click.option(
        "--output", "-o", metavar="FORMAT", callback=check, help="`json` gives the output for programs."
    )(function)
