"""`prefect journal`: inspect and ship the records that wait in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from prefect import _io
from prefect._lazy import lazy_from
from prefect.cli.core.command import group, output_option
from prefect.cli.core.output import is_terminal, print_fields, print_json, print_notice

if TYPE_CHECKING:
    from pathlib import Path

    from prefect import outbox, settings
    from prefect.journal import file
    from prefect.outbox import store
    from prefect.server import local
    from prefect.server.services.runs.ingestion import journal_ingestion
else:
    file, journal_ingestion = lazy_from("prefect", "journal.file", "server.services.runs.ingestion.journal_ingestion")
    local, store = lazy_from("prefect", "server.local", "outbox.store")
    outbox, settings = lazy_from("prefect", "outbox", "settings")

SHIP_TIMEOUT_SECONDS = 30.0
"""Seconds to wait for the server to acknowledge a batch."""

command = group("journal", "Inspect and ship the records that wait in the journal.")


@command.command("status")
@output_option
def status(output: str | None) -> None:
    """Show waiting, dead-lettered and refused records of the journal and of each outbox."""
    home = settings.get_current_settings().home
    batches, size = journal_ingestion.measure_backlog(home)
    database = local.LocalApplication(home).database
    dead_letters = _io.drive(journal_ingestion.find_dead_letters(database))
    outboxes = [_summarize_outbox(each) for each in store.find_outboxes(home)]
    path = file.path_in(home)
    if output:
        facts = {"path": str(path), "batches": batches, "bytes": size}
        return print_json({**facts, "store": str(database.path), "dead_lettered": dead_letters, "outboxes": outboxes})
    print_fields(
        {
            "Journal": path if path.exists() else f"{path} (not created yet)",
            "Waiting": f"{batches} batches, {size:,} bytes" if batches else "nothing",
            "Store": database.path,
            "Dead letters": f"{len(dead_letters)} records" if dead_letters else "nothing",
        }
    )
    for row in dead_letters[:5]:
        click.echo(f"  {row['created'].astimezone():%Y-%m-%d %H:%M:%S}  {row['reason']}: {row['record'][:100]}")
    for each in outboxes:
        click.echo()
        print_fields(
            {
                "Outbox": each["path"],
                "Server": each["url"],
                "Waiting": f"{each['records']:,} records" if each["records"] else "nothing",
                "Refused": f"{len(each['refused'])} records" if each["refused"] else "nothing",
            }
        )
        for row in each["refused"][:5]:
            click.echo(f"  {row['reason'][:100]}: {row['record'][:100]}")


def _summarize_outbox(each: store.Outbox) -> dict[str, Any]:
    refused = [{"reason": reason, "record": record} for reason, record in each.read_refused()]
    return {"path": str(each.path), "url": each.url, "records": each.count_waiting(), "refused": refused}


@command.command("ship")
def ship() -> None:
    """Ship waiting records to the server of PREFECT_API_URL, or apply them to the local store."""
    current = settings.get_current_settings()
    if current.api.url:
        _ship_to_server(current)
    else:
        _apply_to_store(current.home)


def _ship_to_server(current: settings.Settings) -> None:
    shipper = outbox.create_shipper(current)
    waiting = shipper.outbox.count_waiting()

    def progress(left: int) -> None:
        if is_terminal() and left:
            print_notice(f"{left:,} records are waiting.")

    if shipper.outbox.path.exists() and not shipper.ship_within(SHIP_TIMEOUT_SECONDS, float("inf"), progress):
        left = shipper.outbox.count_waiting()
        raise click.ClickException(
            f"{left:,} of {waiting:,} records still wait in {str(shipper.outbox.path)!r} for {shipper.outbox.url}: "
            f"{shipper.unavailable_reason or 'another process is shipping them and has not finished'}."
        )
    click.echo(f"Shipped {waiting:,} records to {shipper.outbox.url}.")
    refused = len(shipper.outbox.read_refused()) if shipper.outbox.path.exists() else 0
    if refused:
        print_notice(f"The server refused {refused:,} records. `prefect journal status` shows why.")


def _apply_to_store(home: Path) -> None:
    def progress(done: int, waiting: int) -> None:
        if is_terminal() and waiting:
            print_notice(f"{done:,} records applied, {waiting:,} batches are waiting.")

    database = local.LocalApplication(home).database
    done = _io.drive(journal_ingestion.apply_journal(database, home, progress))
    click.echo(f"Applied {done.records:,} records to {str(database.path)!r}.")
    if done.dead_lettered:
        print_notice(f"{done.dead_lettered:,} records could not be applied. `prefect journal status` shows why.")
    for each in store.find_outboxes(home):
        if waiting := each.count_waiting():
            print_notice(f"{waiting:,} records wait for {each.url}. Set PREFECT_API_URL to that URL to ship them.")
