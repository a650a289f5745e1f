"""The client that commands use, and finding one thing by what the person calls it.

It must not know which command asks.
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
"""What has its commands in a group of another group."""

PAGE_SIZE = 200
"""How many objects are asked for at once."""


def get_client() -> SyncPrefectClient:
    """The client of the current settings."""
    return orchestration.get_client(sync_client=True)


def limit_option(default: int) -> Callable[[F], F]:
    """The option `--limit`."""
    return click.option(
        "--limit", type=click.IntRange(min=1), default=default, show_default=True, help="How many at most."
    )


def read_all_pages(read: Callable[[int, int], list[T]]) -> list[T]:
    """All there are, page by page.

    Args:
        read: Reads some: how many at most, after how many.
    """
    found: list[T] = []
    while True:
        page = read(PAGE_SIZE, len(found))
        found += page
        if len(page) < PAGE_SIZE:
            return found


def find_by_name(kind: str, name: str, read: Callable[[str], T | None], list_names: Callable[[], Iterable[str]]) -> T:
    """The thing of this name; where there is none the command fails, with the name that comes nearest.

    Args:
        what: What it is, for the error; with dashes the command that lists them.
        name: The name.
        read: Reads the one of a name.
        names: The names there are.
    """
    try:
        found = read(name)
    except ObjectNotFound:
        found = None
    if found is None:
        fail_not_found(kind, name, list(list_names()))
    return found


def parse_uuid(text: str) -> UUID | None:
    """The id that a text is, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None


def fail_not_found(kind: str, name: str, names: list[str], *, cutoff: float = 0.7) -> NoReturn:
    """Fail with the name that comes nearest, or with the command that lists what there is."""
    near = [known for known in names if name and known.startswith(name)]
    near = near or difflib.get_close_matches(name, names, n=1, cutoff=cutoff)
    command = kind if kind in _SUBGROUP_KINDS else kind.replace(" ", "-")
    hint = f"Did you mean {near[0]!r}?" if near else f"`prefect {command} ls` lists them."
    fail(f"There is no {kind} {name!r}. {hint}")
