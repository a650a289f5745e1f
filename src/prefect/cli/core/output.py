"""Output of commands: tables, JSON, errors and prompts; `formats` says how values are written.

On a terminal, tables are drawn and coloured; in a pipe they are plain columns that are never truncated. This module
must not read from the API.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from prefect._lazy import lazy, lazy_from
from prefect.cli.core.formats import Cell, as_json

if TYPE_CHECKING:
    from rich import box as rich_box
    from rich import cells as rich_cells
    from rich import console as rich_console
    from rich import table as rich_table
    from rich import text as rich_text

    from prefect import settings
else:
    settings = lazy("prefect.settings")
    rich_box, rich_cells, rich_console, rich_table, rich_text = lazy_from(
        "rich", "box", "cells", "console", "table", "text"
    )


def is_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout.isatty()


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None, wrapped: str | None = None
) -> None:
    """Print a table. None is an empty cell; a `Cell` has a colour.

    On a terminal each row is one line, and its longest values are cut to the width.

    Args:
        columns: Names of the columns.
        rows: Values of each row.
        title: Title above the table, on a terminal.
        wrapped: Column whose values are wrapped instead of cut.
    """
    texts = [[_to_cell(value, one_line=True) for value in row] for row in rows]
    if is_terminal():
        _draw_table(columns, texts, title, wrapped)
    else:
        _print_plain_table(columns, texts)


def _to_cell(value: Any, *, one_line: bool = False) -> Cell:
    text = "" if value is None else str(value)
    return Cell(" ".join(text.splitlines()) if one_line else text, getattr(value, "colour", None))


def _print_plain_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    lines: list[Sequence[str]] = [columns, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        padded = [text.ljust(width) for text, width in zip(line, widths, strict=True)]
        click.echo("  ".join(padded).rstrip())


def _draw_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], title: str | None, wrapped: str | None) -> None:
    table = rich_table.Table(title=title, box=rich_box.ROUNDED, title_justify="left")
    lines = [columns, *rows]
    widths = [max(rich_cells.cell_len(line[place]) for line in lines) for place in range(len(columns))]
    borders = 3 * len(columns) + 1
    is_cut = settings.get_current_settings().cli.wrap_lines
    width = None if is_cut else sum(widths) + borders
    console = rich_console.Console(no_color=not has_colours(), highlight=False, width=width)
    if is_cut:
        widths = fit_widths(widths, console.width - borders)
    for column, width in zip(columns, widths, strict=True):
        table.add_column(column, overflow="ellipsis", no_wrap=column != wrapped, width=width)
    for row in rows:
        table.add_row(*(rich_text.Text(cell, style=cell.colour or "") for cell in row))
    console.print(table, soft_wrap=not is_cut)


def fit_widths(widths: Sequence[int], available: int) -> list[int]:
    """Return the widths of columns cut to what is available, the widest first.

    The first column, which identifies a row, stays whole unless the others would vanish.
    """
    if not widths or sum(widths) <= available:
        return list(widths)
    others = available - widths[0]
    if others >= 3 * (len(widths) - 1):
        return [widths[0], *_cut_widest(widths[1:], others)]
    return _cut_widest(widths, max(available, len(widths)))


def _cut_widest(widths: Sequence[int], available: int) -> list[int]:
    widest = available
    while sum(min(width, widest) for width in widths) > available:
        widest -= 1
    return [min(width, widest) for width in widths]


def print_json(value: Any) -> None:
    """Print a value as indented JSON; see `as_json`."""
    click.echo(as_json(value))


def print_fields(fields: Mapping[str, Any]) -> None:
    """Print names and values, one per line; omit values that are None."""
    shown = {name: _to_cell(value) for name, value in fields.items() if value is not None}
    width = max(map(len, shown), default=0)
    for name, cell in shown.items():
        click.echo(f"{style(name.ljust(width), bold=True)}  {style(cell, cell.colour)}")


def print_list(
    values: Sequence[Any], columns: Sequence[str], rows: Iterable[Sequence[Any]], output: str | None
) -> None:
    """Print objects: a table with a row for each, or the whole of them as JSON if `output` is set."""
    if output:
        print_json(values)
    else:
        print_table(columns, rows)


def print_details(value: Any, fields: Mapping[str, Any], output: str | None) -> None:
    """Print one object: its fields, or the whole of it as JSON if `output` is set."""
    if output:
        print_json(value)
    else:
        print_fields(fields)


def style(text: str, colour: str | None = None, *, bold: bool = False) -> str:
    """Style a text with a colour; click removes it in a pipe, and `NO_COLOR` or a setting disables it."""
    if not (colour or bold) or (is_terminal() and not has_colours()):
        return text
    return click.style(text, fg=colour, bold=bold or None)


def has_colours() -> bool:
    """Return whether colours are enabled by `NO_COLOR` and `PREFECT_CLI_COLORS`."""
    if os.environ.get("NO_COLOR"):
        return False
    try:
        return settings.get_current_settings().cli.colors
    except settings.SettingsError:  # the command itself reports an invalid setting
        return False


def print_notice(text: str) -> None:
    """Print a notice on standard error."""
    click.echo(_style_for_errors(text, "yellow"), err=True)


_error_format: str | None = None


def set_error_format(output: str | None) -> None:
    """Choose how errors of this command line are printed: as a JSON object if `output` is `"json"`, or as text."""
    global _error_format
    _error_format = output


def print_error(text: str) -> None:
    """Print an error as one line on standard error."""
    if _error_format == "json":
        return click.echo(as_json({"error": text}, indent=False), err=True)
    return click.echo(f"{_style_for_errors('Error:', 'red')} {text}", err=True)


def _style_for_errors(text: str, colour: str) -> str:
    return click.style(text, fg=colour) if sys.stderr.isatty() and has_colours() else text


def describe_error(error: Exception) -> str:
    """Describe an error on one line without a full stop; a validation error by its fields."""
    errors: Any = getattr(error, "errors", None)
    if errors is None:
        return " ".join(str(error).split()).rstrip(".")
    return describe_fields(errors())


def describe_fields(errors: Iterable[Mapping[str, Any]]) -> str:
    """Describe errors of a validation on one line without a full stop, each with the place of its field."""
    located = ((format_location(one["loc"]), _describe_reason(one)) for one in errors)
    return "; ".join(f"{place}: {text}" if place else text for place, text in located).rstrip(".")


def format_location(loc: Iterable[str | int]) -> str:
    """Return the place of a field in a validated object; of a class that functions check, the name of the class."""
    return ".".join(_CHECKED_CLASS.sub(r"\1", str(part)) for part in loc if part != "known")


_CHECKED_CLASS = re.compile(r"function-\w+\[.*, (\w+)\]")


def drop_other_types(errors: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return validation errors without the errors of union members whose `type` is not that of the value."""
    found = list(errors)
    others = {tuple(one["loc"][:-1]) for one in found if one["type"] == "literal_error" and one["loc"][-1:] in _TYPE}
    return [one for one in found if not any(tuple(one["loc"][: len(other)]) == other for other in others)]


_TYPE = (("type",), ["type"])
"""The end of the place of a type, in an error and in its JSON."""

_EXCLUDED_CHARACTERS = re.compile(r"\^\[\^(.+)\]\+\$")
"""A pattern of texts without certain characters, such as names have."""

_ENUM_PREFIX = re.compile(r"\b[A-Z]\w*\.")
"""The name of an enum before that of a member."""


def _describe_reason(error: Mapping[str, Any]) -> str:
    excluded = _EXCLUDED_CHARACTERS.fullmatch((error.get("ctx") or {}).get("pattern") or "")
    if excluded is not None:
        return f"{error['input']!r} is empty or has one of the characters {' '.join(excluded[1])}"
    if error["type"] == "literal_error":
        return f"{error['input']!r} is not {_ENUM_PREFIX.sub('', error['ctx']['expected'])}"
    return error["msg"].removeprefix("Value error, ")


def fail(text: str) -> NoReturn:
    """End the command with an error message and exit code 1."""
    raise click.ClickException(text)


def is_interactive() -> bool:
    """Return whether prompts are enabled: by `--prompt` or `PREFECT_CLI_PROMPT`, else if this is a terminal."""
    wanted = settings.get_current_settings().cli.prompt
    return sys.stdin.isatty() and sys.stderr.isatty() if wanted is None else wanted


def confirm(question: str, *, default: bool = False) -> None:
    """Ask for confirmation; return immediately if the session is not interactive.

    Raises:
        click.Abort: The user declined.
    """
    if is_interactive():
        click.confirm(question, default=default, abort=True, err=True)


def delete_confirmed(what: str, delete: Callable[[], object], extent: str = "") -> None:
    """Delete an object if the user confirms it, and say so.

    Args:
        what: The kind and name of the object.
        delete: Deletes it.
        extent: What is deleted with it, for the question.

    Raises:
        click.Abort: The user declined.
    """
    confirm(f"Delete the {what}{extent}?")
    delete()
    click.echo(f"Deleted {what}.")
