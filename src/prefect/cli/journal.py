"""`prefect journal`: what runs have recorded and nobody has read yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect import _io
from prefect._lazy import lazy
from prefect.cli._frame import group, output_option
from prefect.cli._output import at_terminal, notice, print_fields, print_json

if TYPE_CHECKING:
    from prefect import settings
    from prefect.journal import file
    from prefect.server.services import apply, local
else:
    apply = lazy("prefect.server.services.apply")
    file = lazy("prefect.journal.file")
    local = lazy("prefect.server.local")
    settings = lazy("prefect.settings")

command = group("journal", "See what waits in the journal, and deliver it.")


@command.command("status")
@output_option
def status(output: str | None) -> None:
    """Show what waits in the journal, and what could not be applied."""
    home = settings.get_current_settings().home
    batches, size = apply.waiting(home)
    database = local.LocalApplication(home).database
    aside = _io.drive(apply.read_set_aside(database))
    path = file.path_in(home)
    if output:
        facts = {"path": str(path), "batches": batches, "bytes": size}
        return print_json({**facts, "store": str(database.path), "set_aside": aside})
    print_fields(
        {
            "Journal": path if path.exists() else f"{path} (not there yet)",
            "Waiting": f"{batches} batches, {size:,} bytes" if batches else "nothing",
            "Store": database.path,
            "Set aside": f"{len(aside)} records" if aside else "nothing",
        }
    )
    for row in aside[:5]:
        click.echo(f"  {row['created'].astimezone():%Y-%m-%d %H:%M:%S}  {row['reason']}: {row['record'][:100]}")


@command.command("ship")
def ship() -> None:
    """Deliver what waits in the journal: to the local store, as no server is set."""
    current = settings.get_current_settings()
    if current.api.url:
        raise NotImplementedError(
            f"PREFECT_API_URL is set to {str(current.api.url)!r}, and shipping to a server is not built yet (issue 3): "
            "unset it to deliver to the local store."
        )

    def progress(done: int, waiting: int) -> None:
        if at_terminal() and waiting:
            notice(f"{done:,} records, {waiting:,} batches wait")

    database = local.LocalApplication(current.home).database
    done = _io.drive(apply.apply(database, current.home, progress))
    click.echo(f"Applied {done.records:,} records to {str(database.path)!r}.")
    if done.set_aside:
        notice(f"{done.set_aside:,} records were set aside; `prefect journal status` shows why.")
