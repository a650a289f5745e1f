"""The root command: it reads the global options, loads and runs a command, and turns errors into exit codes.

It imports nothing but click before the command is known.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from prefect._lazy import lazy_modules
from prefect.cli.core import errors, output, registry
from prefect.cli.core.command import Group
from prefect.exceptions import PrefectException

if TYPE_CHECKING:
    import traceback

    from prefect.settings import context as settings_context
else:
    settings_context, traceback = lazy_modules("prefect.settings.context", "traceback")


def run(args: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code: 0, 1 after an error, 130 if aborted."""
    try:
        return _run(list(sys.argv[1:] if args is None else args))
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(args: list[str]) -> int:
    output.set_error_format("json" if errors.wants_json(args) else None)
    try:
        args, profile, prompt = extract_global_options(args)
        with _apply_global_options(profile, prompt):
            code = root.main(args, prog_name="prefect", standalone_mode=False)
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "prefect"
        message = error.format_message()
        end = "" if message.endswith((".", "?")) else "."
        output.print_error(f"{message}{end} See `{where} --help`.")
        return 1
    except click.ClickException as error:
        output.print_error(error.format_message())
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        output.print_error("Aborted.")
        return 130
    except (PrefectException, NotImplementedError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        output.print_error(errors.describe(error) or errors.to_one_line(error))
        return 1
    except Exception as error:  # last resort: no traceback unless in debug mode
        if (message := errors.describe(error)) is None:
            return _report_unexpected_error(error)
        output.print_error(message)
        return 1


def _report_unexpected_error(error: Exception) -> int:
    if os.environ.get("PREFECT_DEBUG_MODE", "").lower() in ("1", "true", "yes", "on"):
        traceback.print_exception(error)
    else:
        output.print_error(
            f"Unexpected {type(error).__name__}: {errors.to_one_line(error)} Set PREFECT_DEBUG_MODE=1 to see the "
            "traceback."
        )
    return 1


_LONG_OPTION_NAMES = {"-cl": "--concurrency-limit", "-jv": "--job-variable"}
"""Two-letter short options, which click cannot parse."""


def extract_global_options(args: Sequence[str]) -> tuple[list[str], str | None, bool | None]:
    """Remove the global options from a command line, up to `--`.

    `-p` is global only before the command, because commands have a `-p` of their own.

    Returns:
        The remaining arguments, the name of the profile, and whether prompts are enabled.
    """
    remaining: list[str] = []
    profile: str | None = None
    prompt: bool | None = None
    items = iter(args)
    for item in items:
        if item == "--":
            return [*remaining, item, *items], profile, prompt
        if item == "--profile" or (item == "-p" and not remaining):
            profile = next(items, None)
            if profile is None:
                raise click.UsageError(f"Option {item} requires the name of a profile.")
        elif item.startswith("--profile="):
            profile = item.removeprefix("--profile=")
        elif item in ("--prompt", "--no-prompt"):
            prompt = item == "--prompt"
        else:
            remaining.append(_LONG_OPTION_NAMES.get(item, item))
    return remaining, profile, prompt


@contextlib.contextmanager
def _apply_global_options(profile: str | None, prompt: bool | None) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        if profile is not None:
            stack.enter_context(settings_context.use_profile(profile, override_environment_variables=True))
        if prompt is not None:
            stack.enter_context(settings_context.temporary_settings({"cli.prompt": prompt}))
        yield


class RootGroup(Group):
    """The root group: imports the module of a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(entry.name for entry in registry.COMMANDS)

    def list_names(self, ctx: click.Context) -> list[str]:
        return [name for entry in registry.COMMANDS for name in (entry.name, *entry.aliases)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for entry in registry.COMMANDS:
            if cmd_name == entry.name or cmd_name in entry.aliases:
                return importlib.import_module(f"prefect.cli.{entry.module}").command
        if cmd_name in registry.PLANNED:
            raise NotImplementedError(f"`prefect {cmd_name}` is not implemented yet.")
        return None

    def list_summaries(self, ctx: click.Context) -> list[tuple[str, str, tuple[str, ...]]]:
        return [(entry.name, entry.summary, entry.aliases) for entry in sorted(registry.COMMANDS)]


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
    """Run and observe flows, and manage a Prefect server."""
