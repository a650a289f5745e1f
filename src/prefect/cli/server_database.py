"""`prefect server database`: the schema of a server's database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect._lazy import lazy
from prefect.cli._command import flag, group, positional
from prefect.cli._output import confirm
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.server.db import migrations, opening
else:
    migrations = lazy("prefect.server.db.migrations")
    opening = lazy("prefect.server.db.opening")

command = group("database", "Change the schema of the server's database.")

_yes_option = flag("--yes", "-y", help="Do not ask.")
_dry_run_option = flag("--dry-run", help="Only show the statements that would be run.")


@command.command("upgrade")
@_yes_option
@click.option("--revision", "-r", default="head", show_default=True, help="The revision to go to.")
@_dry_run_option
def upgrade(yes: bool, revision: str, dry_run: bool) -> None:
    """Bring the database to a newer revision."""
    settings = get_current_settings()
    if not (yes or dry_run):
        confirm(f"Bring the database {opening.describe_database(settings)} to revision {revision}?", default=True)
    migrations.upgrade(opening.migration_target(settings), revision, dry_run)
    if not dry_run:
        click.echo(f"The database {opening.describe_database(settings)} is at revision {revision}.")


@command.command("downgrade")
@_yes_option
@click.option("--revision", "-r", default="-1", show_default=True, help="The revision to go to; -1 is the one before.")
@_dry_run_option
def downgrade(yes: bool, revision: str, dry_run: bool) -> None:
    """Take the database back to an older revision. What that one cannot hold is lost."""
    settings = get_current_settings()
    if not (yes or dry_run):
        confirm(
            f"Take the database {opening.describe_database(settings)} to revision {revision}? "
            "What that cannot hold is lost."
        )
    migrations.downgrade(opening.migration_target(settings), revision, dry_run)
    if not dry_run:
        click.echo(f"The database {opening.describe_database(settings)} is at revision {revision}.")


@command.command("reset")
@_yes_option
def reset(yes: bool) -> None:
    """Remove everything from the database, and create its tables anew."""
    settings = get_current_settings()
    if not yes:
        confirm(f"Remove everything from the database {opening.describe_database(settings)}?")
    target = opening.migration_target(settings)
    migrations.downgrade(target, "base")
    migrations.upgrade(target)
    click.echo(f"The database {opening.describe_database(settings)} is empty.")


@command.command("stamp")
@positional("revision", help="Give the revision that the database is at.")
def stamp(revision: str) -> None:
    """Say that the database is at a revision, without changing it."""
    settings = get_current_settings()
    migrations.stamp(opening.migration_target(settings), revision)
    click.echo(f"The database {opening.describe_database(settings)} is stamped with revision {revision}.")


@command.command("revision")
@click.option("--message", "-m", help="What the revision is for.")
@flag("--autogenerate", help="Accepted by name only: revisions are written by hand here.")
def revision(message: str | None, autogenerate: bool) -> None:
    """Write the file of a new revision, for who works on the schema."""
    if autogenerate:
        raise NotImplementedError("Revisions are not generated: they are written by hand. Leave --autogenerate out.")
    migrations.new_revision(opening.migration_target(get_current_settings()), message)
