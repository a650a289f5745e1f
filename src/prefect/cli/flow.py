"""`prefect flow`: list flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import lazy
from prefect.cli._command import group, output_option
from prefect.cli._lookup import get_client, limit_option, read_all_pages
from prefect.cli._output import format_age, print_json, print_table

if TYPE_CHECKING:
    from prefect.schemas import sorting
else:
    sorting = lazy("prefect.schemas.sorting")

command = group("flow", "View flows.")
command.planned = frozenset({"serve"})


@command.command("ls")
@limit_option(15)
@output_option
def ls(limit: int, output: str | None) -> None:
    """List flows, newest first."""
    newest = sorting.FlowSort.CREATED_DESC
    found = read_all_pages(lambda size, offset: get_client().read_flows(sort=newest, limit=size, offset=offset), limit)
    if output:
        return print_json(found)
    print_table(["ID", "Name", "Created"], [[flow.id, flow.name, format_age(flow.created)] for flow in found])
