"""Settings of the database."""

import re
import warnings
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote_plus

from pydantic import SecretStr

from prefect.settings._errors import SettingsError
from prefect.settings.base import PrefectBaseSettings, build_settings_config, group, setting

if TYPE_CHECKING:
    from prefect.settings._protocols import SettingsTree


class SQLAlchemyTLSSettings(PrefectBaseSettings):
    """Settings of TLS connections to the database."""

    model_config = build_settings_config(("server", "database", "sqlalchemy", "connect_args", "tls"))

    ca_file: str | None = setting(None, "A file of certificates to trust.")
    cert_file: str | None = setting(None, "The file of the client's certificate.")
    check_hostname: bool = setting(True, "Whether the certificate must name the database's host.")
    enabled: bool = setting(False, "Whether connections to the database are encrypted.")
    key_file: str | None = setting(None, "The file of the client's key.")


class SQLAlchemyConnectArgsSettings(PrefectBaseSettings):
    """Connection arguments of the database driver."""

    model_config = build_settings_config(("server", "database", "sqlalchemy", "connect_args"))

    application_name: str | None = setting(None, "The name under which the connections show in PostgreSQL.")
    prepared_statement_cache_size: int | None = setting(
        None, "How many prepared statements SQLAlchemy keeps for a connection."
    )
    search_path: str | None = setting(None, "The schemas of PostgreSQL in which tables are searched.")
    statement_cache_size: int | None = setting(None, "How many statements asyncpg keeps for a connection.")
    tls: SQLAlchemyTLSSettings = group(SQLAlchemyTLSSettings)


class SQLAlchemySettings(PrefectBaseSettings):
    """Settings of SQLAlchemy's connection pool."""

    model_config = build_settings_config(("server", "database", "sqlalchemy"), former_prefix="PREFECT_SQLALCHEMY_")

    connect_args: SQLAlchemyConnectArgsSettings = group(SQLAlchemyConnectArgsSettings)
    max_overflow: int = setting(10, "How many connections may be open besides those of the pool.", renamed=True)
    pool_recycle: int = setting(3600, "Seconds after which a connection is replaced.")
    pool_size: int = setting(5, "How many connections are kept open.", renamed=True)
    pool_timeout: float | None = setting(30.0, "Seconds to wait for a free connection.")


class ServerDatabaseSettings(PrefectBaseSettings):
    """Settings of the database: the server's, or the local one."""

    model_config = build_settings_config(("server", "database"), former_prefix="PREFECT_API_DATABASE_")

    connection_timeout: float | None = setting(5.0, "Seconds to wait for a connection to the database.", renamed=True)
    connection_url: SecretStr | None = setting(
        None, "The address of the database, as SQLAlchemy writes it.", renamed=True
    )
    driver: Literal["postgresql+asyncpg", "sqlite+aiosqlite"] | None = setting(
        None, "The driver of the database, when its URL is set in parts.", renamed=True
    )
    echo: bool = setting(False, "Whether to log every SQL statement.", renamed=True)
    host: str | None = setting(None, "The host of the database, when its URL is set in parts.", renamed=True)
    migrate_on_start: bool = setting(
        True, "Whether a server brings the database's schema up to date when it starts.", renamed=True
    )
    migration_timeout: float | None = setting(
        None, "Seconds that bringing the schema up to date may take; not set means any time.", gt=0
    )
    name: str | None = setting(
        None, "The name of the database, or the path of its file, when its URL is set in parts.", renamed=True
    )
    password: SecretStr | None = setting(
        None, "The password of the database, when its URL is set in parts or names it in a template.", renamed=True
    )
    port: int | None = setting(
        None, "The port of the database, when its URL is set in parts; 5432 when it is not set.", renamed=True
    )
    sqlalchemy: SQLAlchemySettings = group(SQLAlchemySettings)
    timeout: float | None = setting(10.0, "Seconds that a statement may take.", renamed=True)
    user: str | None = setting(None, "The user of the database, when its URL is set in parts.", renamed=True)

    def _derive_connection_url(self, value: SecretStr | None, root: "SettingsTree") -> SecretStr:
        if value is not None:
            return SecretStr(self._with_password(value.get_secret_value()))
        if self.driver == "postgresql+asyncpg":
            return SecretStr(self._postgresql_url())
        return SecretStr(f"sqlite+aiosqlite:///{(self.driver and self.name) or root.home / 'pluperfect.db'}")

    def _with_password(self, url: str) -> str:
        if self.password is None:
            return url
        password = self.password.get_secret_value()
        filled = re.sub(r"\$\{PREFECT_(?:SERVER|API)_DATABASE_PASSWORD\}", lambda _: password, url)
        if filled == url:
            warnings.warn(
                "PREFECT_SERVER_DATABASE_PASSWORD is set, but PREFECT_SERVER_DATABASE_CONNECTION_URL does not contain"
                " ${PREFECT_SERVER_DATABASE_PASSWORD}, so the password is not used.",
                UserWarning,
                stacklevel=2,
            )
        return filled

    def _postgresql_url(self) -> str:
        missing = [name for name in ("host", "user", "name") if getattr(self, name) is None]
        if missing:
            raise SettingsError(
                "PREFECT_SERVER_DATABASE_DRIVER is 'postgresql+asyncpg', which also needs "
                + ", ".join(f"PREFECT_SERVER_DATABASE_{name.upper()}" for name in missing)
                + "."
            )
        password = f":{quote_plus(self.password.get_secret_value())}" if self.password else ""
        user = quote_plus(self.user or "")
        return f"{self.driver}://{user}{password}@{self.host}:{self.port or 5432}/{self.name}"


def warn_on_database_password_value_without_usage(settings: ServerDatabaseSettings) -> None:
    """Warn if a password is set and the connection URL has no placeholder for it."""
    # Making the address looks for the place and warns.
    _ = settings.connection_url
