"""`prefect flow`: look at flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import lazy
from prefect.cli._finding import client, limit_option
from prefect.cli._frame import group, output_option
from prefect.cli._output import age, print_json, print_table

if TYPE_CHECKING:
    from prefect.schemas import sorting
else:
    sorting = lazy("prefect.schemas.sorting")

command = group("flow", "Look at flows.")
command.later = frozenset({"serve"})


@command.command("ls")
@limit_option(15)
@output_option
def ls(limit: int, output: str | None) -> None:
    """List flows, newest first."""
    found = client().read_flows(sort=sorting.FlowSort.CREATED_DESC, limit=limit)
    if output:
        return print_json(found)
    print_table(["ID", "Name", "Created"], [[flow.id, flow.name, age(flow.created)] for flow in found])
