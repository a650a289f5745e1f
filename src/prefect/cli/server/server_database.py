"""`prefect server database`: migrations of a server's database, and the key that encrypts its blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy, lazy_from
from prefect.cli.core.command import flag, group, positional
from prefect.cli.core.output import confirm
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    import asyncio

    from prefect.server.db import migrations, opening
    from prefect.server.db.interface import Database
    from prefect.server.services.security import encryption
else:
    asyncio = lazy("asyncio")
    encryption, migrations, opening = lazy_from(
        "prefect.server", "services.security.encryption", "db.migrations", "db.opening"
    )

command = group("database", "Migrate the server's database, and re-encrypt its blocks.")

_yes_option = flag("--yes", "-y", help="Skip the confirmation.")
_dry_run_option = flag("--dry-run", help="Print the SQL statements instead of executing them.")


def _revision_options(default: str, help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        revision = click.option("--revision", "-r", default=default, show_default=True, help=help)
        return _yes_option(revision(_dry_run_option(function)))

    return decorate


@command.command("upgrade")
@_revision_options("head", "Target revision.")
def upgrade(yes: bool, revision: str, dry_run: bool) -> None:
    """Upgrade the database to a revision."""
    if not (yes or dry_run):
        confirm(f"Upgrade the database {_describe()} to revision {revision}?", default=True)
    _migrate(migrations.upgrade, revision, dry_run)


@command.command("downgrade")
@_revision_options("-1", "Target revision; -1 is the previous one.")
def downgrade(yes: bool, revision: str, dry_run: bool) -> None:
    """Downgrade the database to a revision. Data that it cannot store is lost."""
    if not (yes or dry_run):
        confirm(f"Downgrade the database {_describe()} to revision {revision}? This may lose data.")
    _migrate(migrations.downgrade, revision, dry_run)


def _describe() -> str:
    return opening.describe_database(get_current_settings())


def _migrate(change: Callable[[Any, str, bool], None], revision: str, dry_run: bool) -> None:
    change(opening.migration_target(get_current_settings()), revision, dry_run)
    if not dry_run:
        click.echo(f"The database {_describe()} is at revision {revision}.")


@command.command("reset")
@_yes_option
def reset(yes: bool) -> None:
    """Delete all data and recreate the tables."""
    settings = get_current_settings()
    if not yes:
        confirm(f"Delete all data of the database {opening.describe_database(settings)}?")
    target = opening.migration_target(settings)
    migrations.downgrade(target, "base")
    migrations.upgrade(target)
    click.echo(f"The database {opening.describe_database(settings)} is empty.")


@command.command("stamp")
@positional("revision", help="Pass the revision of the database.")
def stamp(revision: str) -> None:
    """Record a revision without running migrations."""
    settings = get_current_settings()
    migrations.stamp(opening.migration_target(settings), revision)
    click.echo(f"The database {opening.describe_database(settings)} is stamped with revision {revision}.")


@command.command("revision")
@click.option("--message", "-m", help="Description of the revision.")
@flag("--autogenerate", help="Not supported: revisions are written by hand.")
def revision(message: str | None, autogenerate: bool) -> None:
    """Create a new, empty migration."""
    if autogenerate:
        raise NotImplementedError("--autogenerate is not supported: revisions are written by hand.")
    migrations.new_revision(opening.migration_target(get_current_settings()), message)


@command.command("reencrypt")
def reencrypt() -> None:
    """Encrypt all blocks with the first key of PREFECT_SERVER_ENCRYPTION_KEY, so that the other keys can be dropped."""
    count, unreadable = asyncio.run(_reencrypt(opening.open_database(get_current_settings())))
    click.echo(f"Encrypted {_count(count)} of the database {_describe()} with the first key.")
    if unreadable:
        raise click.ClickException(
            f"{_count(len(unreadable))} could not be read and did not change: {', '.join(map(repr, unreadable))}. "
            f"Add the keys that encrypted them to {encryption.KEY_VARIABLE}, after a comma, and try again."
        )


async def _reencrypt(database: Database) -> tuple[int, list[str]]:
    await database.open()
    try:
        return await encryption.reencrypt_all(database)
    finally:
        await database.close()


def _count(blocks: int) -> str:
    return f"{blocks} block{'' if blocks == 1 else 's'}"
