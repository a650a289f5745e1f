"""Groups, commands and their parameters, as every command module declares them.

It imports nothing but click and must not know any command.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy
from prefect.cli.core.output import fail, print_list

if TYPE_CHECKING:
    import difflib
else:
    difflib = lazy("difflib")

Listing = tuple[Sequence[Any], Iterable[Sequence[Any]]]
"""Objects, and the row of a table for each."""

GLOBAL_OPTIONS_HELP = [
    ("--profile, -p NAME", "Use this profile. Its settings override the environment."),
    ("--prompt / --no-prompt", "Enable or disable interactive prompts."),
]


class Group(click.Group):
    """A group that shows its help without a command, and suggests a similar name for an unknown command.

    Attributes:
        aliases: Alternative name to command name.
        planned: Names of commands that are not implemented yet.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.aliases: dict[str, str] = {}
        self.planned: frozenset[str] = frozenset()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)

    def list_names(self, ctx: click.Context) -> list[str]:
        return [*self.list_commands(ctx), *self.aliases]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.planned:
            raise NotImplementedError(f"`{ctx.command_path} {cmd_name}` is not implemented yet.")
        return super().get_command(ctx, self.aliases.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            near = difflib.get_close_matches(name, self.list_names(ctx), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {name!r}.{hint}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def list_summaries(self, ctx: click.Context) -> list[tuple[str, str, tuple[str, ...]]]:
        """Return name, summary and aliases of each command."""
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
            for name, summary, aliases in self.list_summaries(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        _write_global_options(formatter)


class Command(click.Command):
    """A command whose help also lists the global options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        _write_global_options(formatter)


class CommandGroup(Group):
    """A command that also has subcommands: it runs itself unless its first argument names one of them."""

    allow_interspersed_args = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options, invoke_without_command=True)
        self.subcommand_metavar = ""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] in self.commands:
            ctx.meta["prefect.subcommand"] = args
            return []
        return click.Command.parse_args(self, ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        arguments = ctx.meta.pop("prefect.subcommand", None)
        if arguments is None:
            return click.Command.invoke(self, ctx)
        with self.commands[arguments[0]].make_context(arguments[0], arguments[1:], parent=ctx) as child:
            return child.command.invoke(child)


def _write_global_options(formatter: click.HelpFormatter) -> None:
    with formatter.section("Global options"):
        formatter.write_dl(GLOBAL_OPTIONS_HELP)


Group.command_class = Command
Group.group_class = type  # nested groups use the class of their parent


def group(name: str, help: str) -> Group:
    """Create a group; add commands with `@command.command("name")`."""
    return Group(name, help=help)


def command(name: str, **options: Any) -> Callable[[Callable[..., Any]], Command]:
    """Declare a top-level command without subcommands."""
    return click.command(name, cls=Command, **options)


def command_group(name: str) -> Callable[[Callable[..., Any]], CommandGroup]:
    """Declare a top-level command that also has subcommands."""
    return click.command(name, cls=CommandGroup)


def flag(*names: str, help: str, default: bool | None = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a boolean option: each `--name` also gets a `--no-name`.

    Args:
        names: The option's names, and the function's parameter if it has another name.
        help: Effect of the option when it is on.
        default: Value when the option is absent.
    """
    declarations = [f"{name}/--no-{name[2:]}" if name.startswith("--") else name for name in names]
    return click.option(*declarations, default=default, help=help)


def multiple_option(
    *names: str, help: str, metavar: str | None = None, type: Any = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a repeatable option, passed as a tuple. `--empty-name` is accepted for an empty one.

    Args:
        names: The option's names, and the function's parameter if it has another name.
        help: Description without a full stop.
        metavar: Placeholder of a value in the help.
        type: A click type.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function = _empty_option(names)(function)
        return click.option(*names, multiple=True, metavar=metavar, type=type, help=f"{help}; may be repeated.")(
            function
        )

    return decorate


def _empty_option(names: Iterable[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    empty = [f"--empty-{name[2:]}" for name in names if name.startswith("--")]
    return click.option(*empty, is_flag=True, hidden=True, expose_value=False)


def positional(
    name: str, *, help: str, required: bool = True, multiple: bool = False, type: Any = None, option: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a parameter that is passed by position or as the option `--name`.

    Args:
        name: The function's parameter.
        help: Instruction for the error message when the parameter is missing.
        required: Whether it is required; an optional one is None (or empty, with `multiple`).
        multiple: Whether it takes several values, passed as a tuple.
        type: A click type.
        option: Name of the option if it differs from `--name`.
    """
    option_name = option or "--" + name.replace("_", "-")
    metavar = name.upper() + ("..." if multiple else "")
    metavar = metavar if required else f"[{metavar}]"

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function = _empty_option([option_name])(function) if multiple else function

        @click.argument(name, required=False, nargs=-1 if multiple else 1, type=type, metavar=metavar)
        @click.option(option_name, f"{name}_by_name", hidden=True, multiple=multiple, type=type)
        @functools.wraps(function)
        def call(**values: Any) -> Any:
            by_place, by_name = values.pop(name), values.pop(f"{name}_by_name")
            value = (*by_place, *by_name) if multiple else (by_name if by_place is None else by_place)
            if required and value in (None, ()):
                raise click.UsageError(f"Missing argument {name.upper()}. {help}", ctx=click.get_current_context())
            return function(**{name: value}, **values)

        return call

    return decorate


def prints_list(*columns: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Print what a command returns, objects and their rows: a table, or the whole objects with `-o json`."""

    def decorate(function: Callable[..., Listing]) -> Callable[..., Any]:
        @output_option
        @functools.wraps(function)
        def call(output: str | None, **values: Any) -> None:
            found, rows = function(**values)
            print_list(found, columns, rows, output)

        return call

    return decorate


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Declare the option `-o json`; the function's parameter `output` is "json" or None."""

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is not None and value != "json":
            fail("Only 'json' output format is supported.")
        return value

    return click.option(
        "--output", "-o", metavar="FORMAT", callback=check, help="Set to `json` for machine-readable output."
    )(function)
