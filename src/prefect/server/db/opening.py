"""Find and open the database that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect.server.db.errors import StoreUnavailable
from prefect.server.db.interface import Database
from prefect.server.db.sqlite.database import STORE_FILE_NAME as STORE_FILE_NAME

if TYPE_CHECKING:
    from prefect.server.db.postgres.database import PostgresDatabase
    from prefect.settings import Settings


def database_url(settings: Settings) -> str:
    """Return the URL of the database as SQLAlchemy writes it, by default the URL of the local store."""
    secret = settings.server.database.connection_url
    return secret.get_secret_value() if secret else f"sqlite+aiosqlite:///{settings.home / STORE_FILE_NAME}"


def sqlite_path(settings: Settings) -> Path | None:
    """Return the SQLite file that the settings name, or None when they name another database."""
    scheme, _, rest = database_url(settings).partition("://")
    if not scheme.startswith("sqlite"):
        return None
    file = rest.removeprefix("/").partition("?")[0]
    if not file or ":memory:" in file:
        raise StoreUnavailable(
            "PREFECT_SERVER_DATABASE_CONNECTION_URL names a database in memory, which would be lost at the end: "
            "name a file, for instance sqlite+aiosqlite:////tmp/pluperfect.db."
        )
    return Path(file)


def open_database(settings: Settings) -> Database:
    """Return the database of a server with these settings; its `open` is still to be called."""
    file = sqlite_path(settings)
    if file is not None:
        from prefect.server.db.sqlite.writer import SqliteWriterDatabase

        return SqliteWriterDatabase(file, migrate=settings.server.database.migrate_on_start)
    from prefect.server.db.postgres.database import PostgresDatabase

    options = settings.server.database
    pool = options.sqlalchemy
    connections = pool.pool_size + pool.max_overflow
    return PostgresDatabase(
        database_url(settings), connections, options=_options(options), migrate=options.migrate_on_start
    )


def describe_database(settings: Settings) -> str:
    """Return the location of the database for messages, without secrets."""
    file = sqlite_path(settings)
    if file is not None:
        return str(file)
    scheme, _, rest = database_url(settings).partition("://")
    return f"{scheme.partition('+')[0]}://{rest.rpartition('@')[2].partition('?')[0]}"


def migration_target(settings: Settings) -> Any:
    """Return the database as `migrations` take it."""
    file = sqlite_path(settings)
    if file is None:
        return cast("PostgresDatabase", open_database(settings)).connect
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return file


def _options(database: Any) -> dict[str, Any]:
    """Return the settings of connections as asyncpg takes them."""
    args = database.sqlalchemy.connect_args
    named = {"application_name": args.application_name, "search_path": args.search_path}
    options: dict[str, Any] = {"server_settings": {name: value for name, value in named.items() if value}}
    if args.statement_cache_size is not None:
        options["statement_cache_size"] = args.statement_cache_size
    if database.connection_timeout is not None:
        options["timeout"] = database.connection_timeout
    if database.timeout is not None:
        options["command_timeout"] = database.timeout
    if args.tls.enabled:
        options["ssl"] = _tls(args.tls)
    return options


def _tls(tls: Any) -> Any:
    import ssl

    context = ssl.create_default_context(cafile=tls.ca_file)
    context.check_hostname = tls.check_hostname
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context
