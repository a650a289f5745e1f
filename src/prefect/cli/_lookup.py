"""The API client of the commands, paging, and lookup of objects by name with suggestions.

It must not depend on any command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from uuid import UUID

import click

from prefect._lazy import lazy
from prefect.cli._output import fail
from prefect.exceptions import ObjectNotFound

if TYPE_CHECKING:
    import difflib

    from prefect.client import orchestration
    from prefect.client.orchestration import SyncPrefectClient
else:
    difflib = lazy("difflib")
    orchestration = lazy("prefect.client.orchestration")

T = TypeVar("T")
F = Callable[..., Any]

_SUBGROUP_KINDS = ("block type",)
"""Kinds whose commands are in a nested group."""

PAGE_SIZE = 200
"""Objects per API request."""


def get_client() -> SyncPrefectClient:
    """Return a synchronous API client for the current settings."""
    return orchestration.get_client(sync_client=True)


def limit_option(default: int) -> Callable[[F], F]:
    """Declare the option `--limit`."""
    return click.option(
        "--limit", type=click.IntRange(min=1), default=default, show_default=True, help="Maximum number of results."
    )


def read_all_pages(read: Callable[[int, int], list[T]]) -> list[T]:
    """Read all objects of a paged listing.

    Args:
        read: Reads one page, from a limit and an offset.
    """
    found: list[T] = []
    while True:
        page = read(PAGE_SIZE, len(found))
        found += page
        if len(page) < PAGE_SIZE:
            return found


def find_by_name(kind: str, name: str, read: Callable[[str], T | None], list_names: Callable[[], Iterable[str]]) -> T:
    """Return the object with this name; fail with the most similar name if there is none.

    Args:
        kind: Kind of the object, such as `work pool`; with dashes it is the command that lists them.
        name: Name of the object.
        read: Reads an object by name; returns None or raises ObjectNotFound if there is none.
        list_names: Returns the existing names, for the suggestion.
    """
    try:
        found = read(name)
    except ObjectNotFound:
        found = None
    if found is None:
        fail_not_found(kind, name, list(list_names()))
    return found


def parse_uuid(text: str) -> UUID | None:
    """Parse a UUID; return None if the text is not one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def fail_not_found(kind: str, name: str, names: list[str], *, cutoff: float = 0.7) -> NoReturn:
    """Fail with the most similar existing name, or with the command that lists the names."""
    near = [known for known in names if name and known.startswith(name)]
    near = near or difflib.get_close_matches(name, names, n=1, cutoff=cutoff)
    command = kind if kind in _SUBGROUP_KINDS else kind.replace(" ", "-")
    hint = f"Did you mean {near[0]!r}?" if near else f"`prefect {command} ls` lists them."
    fail(f"There is no {kind} {name!r}. {hint}")
