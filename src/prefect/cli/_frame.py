"""How a command line becomes a call: the root command, groups, parameters, errors and exit codes.

It must not know what any command does, and must import nothing but click before the command is known.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
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
        if (told := _told_by_the_api(error) or _not_valid(error)) is None:
            return _unexpected(error)
        _output.error(told)
        return 1


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _told_by_the_api(error: Any) -> str | None:
    """What it means that the API refused or did not answer; None for other errors."""
    http: Any = sys.modules.get("httpx")  # who has not imported it raises nothing of it
    if http is None or not isinstance(error, http.HTTPError):
        return None
    if isinstance(error, http.HTTPStatusError):
        return f"The API refused with status {error.response.status_code}: {_detail(error.response)}"
    return _one_line(error)  # the client's errors say where it asked


def _not_valid(error: Any) -> str | None:
    """What is wrong with what was given for something to create or to change; None for other errors."""
    pydantic: Any = sys.modules.get("pydantic")
    if pydantic is None or not isinstance(error, pydantic.ValidationError):
        return None
    return f"{_output.reason(error)}." if error.title.endswith(("Create", "Update")) else None


def _detail(response: Any) -> str:
    try:
        answer = response.json()
    except ValueError:
        return response.reason_phrase
    for key in ("detail", "exception_detail", "exception_message"):
        if isinstance(answer, dict) and answer.get(key):  # pyright: ignore[reportUnknownMemberType]
            answer = answer[key]  # pyright: ignore[reportUnknownVariableType]
            break
    if isinstance(answer, list):  # what is wrong with the request, place by place
        return "; ".join(
            f"{'.'.join(map(str, one.get('loc', ())))}: {one.get('msg')}" if isinstance(one, dict) else str(one)
            for one in answer  # pyright: ignore[reportUnknownVariableType]
        )
    return " ".join(str(answer).split())  # pyright: ignore[reportUnknownArgumentType]


def _unexpected(error: Exception) -> int:
    if os.environ.get("PREFECT_DEBUG_MODE", "").lower() in ("1", "true", "yes", "on"):
        traceback.print_exception(error)
    else:
        _output.error(
            f"{type(error).__name__}: {_one_line(error)} This is not expected; PREFECT_DEBUG_MODE=1 shows where it is."
        )
    return 1


_WRITTEN_OUT = {"-cl": "--concurrency-limit", "-jv": "--job-variable"}
"""Short names of two letters, which each command line may have."""


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
            rest.append(_WRITTEN_OUT.get(item, item))
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
    """A group that shows its help when no command is given, and suggests one for a name it does not know.

    Attributes:
        aliases: Other names of its commands, and what they stand for.
        later: Its commands that a later release brings.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.aliases: dict[str, str] = {}
        self.later: frozenset[str] = frozenset()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)

    def known_names(self, ctx: click.Context) -> list[str]:
        return [*self.list_commands(ctx), *self.aliases]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.later:
            raise NotImplementedError(f"`{ctx.command_path} {cmd_name}` is not there yet; a later release brings it.")
        return super().get_command(ctx, self.aliases.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            near = difflib.get_close_matches(name, self.known_names(ctx), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {name!r}.{hint}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def summaries(self, ctx: click.Context) -> list[tuple[str, str, tuple[str, ...]]]:
        """Its commands: the name, what it does, other names."""
        return [
            (
                name,
                command.get_short_help_str(limit=100),
                tuple(alias for alias, meant in self.aliases.items() if meant == name),
            )
            for name, command in sorted(self.commands.items())
            if not command.hidden
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (f"{name} ({', '.join(aliases)})" if aliases else name, summary)
            for name, summary, aliases in self.summaries(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

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

    def summaries(self, ctx: click.Context) -> list[tuple[str, str, tuple[str, ...]]]:
        return [(entry.name, entry.summary, entry.aliases) for entry in sorted(cli.COMMANDS)]


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


def flag(*names: str, help: str, default: bool | None = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that is on or off: each `--name` has a `--no-name`.

    Args:
        names: The names, and the function's parameter where it is called otherwise.
        help: What it means when it is on.
        default: What it is when it is not given.
    """
    spelled = [f"{name}/--no-{name[2:]}" if name.startswith("--") else name for name in names]
    return click.option(*spelled, default=default, help=help)


def several(
    *names: str, help: str, metavar: str | None = None, type: Any = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that may be repeated; the function gets a tuple. `--empty-name` says that there are none.

    Args:
        names: The names, and the function's parameter where it is called otherwise.
        help: What it means.
        metavar: What a value is.
        type: A click type.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function = _empty(names)(function)
        return click.option(*names, multiple=True, metavar=metavar, type=type, help=f"{help}; may be repeated.")(
            function
        )

    return decorate


def _empty(names: Iterable[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    empty = [f"--empty-{name[2:]}" for name in names if name.startswith("--")]
    return click.option(*empty, is_flag=True, hidden=True, expose_value=False)


def positional(
    name: str, *, help: str, required: bool = True, many: bool = False, type: Any = None, option: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A parameter that is given by its place or, as `--name`, by its name.

    Args:
        name: The function's parameter.
        help: What it is, for the error when it is missing.
        required: Whether it must be given; otherwise it may be None (or empty, with `many`).
        many: Whether there may be several; the function gets a tuple.
        type: A click type.
        option: Its name as an option, where that is another.
    """
    by_name = option or "--" + name.replace("_", "-")
    shown = name.upper() + ("..." if many else "")
    shown = shown if required else f"[{shown}]"

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function = _empty([by_name])(function) if many else function

        @click.argument(name, required=False, nargs=-1 if many else 1, type=type, metavar=shown)
        @click.option(by_name, f"{name}_by_name", hidden=True, multiple=many, type=type)
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
