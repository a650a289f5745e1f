"""The API client of the commands, paging, and lookup of objects by name with suggestions.

It must not depend on any command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from uuid import UUID

import click

from prefect import exceptions
from prefect._lazy import lazy, lazy_from
from prefect.cli.core.output import fail
from prefect.exceptions import ObjectNotFound

if TYPE_CHECKING:
    import difflib

    from prefect.client import orchestration
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.schemas import filters
    from prefect.schemas.runs import Flow
else:
    difflib = lazy("difflib")
    filters, orchestration = lazy_from("prefect", "schemas.filters", "client.orchestration")

T = TypeVar("T")
F = Callable[..., Any]

_SUBGROUP_KINDS = ("block type",)
"""Kinds whose commands are in a nested group."""

PAGE_SIZE = 200
"""Objects per API request, and ids in a filter; as many as an API allows by default."""

_INVALID_STATUS = 422


def get_client() -> SyncPrefectClient:
    """Return a synchronous API client for the current settings."""
    return orchestration.get_client(sync_client=True)


def limit_option(default: int) -> Callable[[F], F]:
    """Declare the option `--limit`."""
    return click.option(
        "--limit", type=click.IntRange(min=1), default=default, show_default=True, help="Maximum number of results."
    )


def read_all_pages(read: Callable[[Any, int], list[T]], count: int | None = None) -> list[T]:
    """Read the objects of a paged listing.

    Where the API allows only smaller pages than `PAGE_SIZE`, it chooses their size.

    Args:
        read: Reads one page, from a limit, which is None for the API's own, and an offset.
        count: How many objects at most; None for all.
    """
    page_size = PAGE_SIZE if count is None else min(PAGE_SIZE, count)
    try:
        found = read(page_size, 0)
    except exceptions.PrefectHTTPStatusError as error:
        if error.response.status_code != _INVALID_STATUS:
            raise
        found = read(None, 0)
        page_size = len(found)
    page = found
    while page and len(page) >= page_size and (count is None or len(found) < count):
        page = read(page_size if count is None else min(page_size, count - len(found)), len(found))
        found = [*found, *page]
    return found[:count]


def read_all_answers(route: Any, parse: Callable[[Any], T], count: int | None = None) -> list[T]:
    """Read the objects of a listing whose method of the client has no offset, as `read_all_pages` does."""

    def read(limit: int | None, offset: int) -> list[T]:
        page = {"offset": offset} if limit is None else {"limit": limit, "offset": offset}
        return [parse(answer) for answer in get_client().request("POST", route, json=page).json()]

    return read_all_pages(read, count)


def read_by_ids(ids: Iterable[UUID], read: Callable[[list[UUID], Any, int], list[T]]) -> list[T]:
    """Read the objects with these ids, as `read_all_pages` does; `read` also takes some of the ids."""
    wanted = sorted(ids)
    batches = [wanted[start : start + PAGE_SIZE] for start in range(0, len(wanted), PAGE_SIZE)]
    return [one for batch in batches for one in read_all_pages(partial(read, batch))]


def read_flow_names(ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return flow id to flow name."""

    def read(some: list[UUID], limit: int | None, offset: int) -> list[Flow]:
        some_flows = filters.FlowFilter(id=filters.FlowFilterId(any_=some))
        return get_client().read_flows(flow_filter=some_flows, limit=limit, offset=offset)

    return {flow.id: flow.name for flow in read_by_ids(ids, read)}


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
