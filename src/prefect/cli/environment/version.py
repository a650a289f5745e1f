"""`prefect version`: versions of this package, Python and the database.

Users run it first and bug reports quote it, so it must start fast: it peeks at the sources of the few settings that it
shows instead of building the settings model.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Any

import click

import prefect
from prefect._lazy import lazy_modules
from prefect.cli.core.command import command as standalone
from prefect.cli.core.command import output_option
from prefect.cli.core.output import print_json
from prefect.settings.sources import Snapshot

if TYPE_CHECKING:
    import importlib.metadata as metadata
    import sqlite3

    from prefect.settings import context
else:
    context, metadata, sqlite3 = lazy_modules("prefect.settings.context", "importlib.metadata", "sqlite3")

API_VERSION = "0.8.4"
"""Version of the REST API that this release implements."""


@standalone("version")
@click.option("--omit-integrations/--no-omit-integrations", default=False, help="Omit installed integrations.")
@output_option
def command(omit_integrations: bool, output: str | None) -> None:
    """Show the version of this package, Python and the database."""
    fields = _read_fields(omit_integrations)
    if output:
        return print_json({name.lower().replace(" ", "_").replace("/", "_"): value for name, value in fields.items()})
    for name, value in fields.items():
        if isinstance(value, dict):
            click.echo(f"{name}:")
            for inner, text in value.items():
                click.echo(f"  {inner + ':':<20}{text}")
        else:
            click.echo(f"{name + ':':<22}{value}")


def _read_fields(omit_integrations: bool) -> dict[str, Any]:
    snapshot = context.get_settings_context().settings.plan.snapshot if _has_loaded_settings() else Snapshot()
    installed = _list_installed()
    fields: dict[str, Any] = {
        "Version": prefect.__version__,
        "Pluperfect": installed.get("pluperfect") or prefect.__pluperfect_version__,
        "API version": API_VERSION,
        "Python version": platform.python_version(),
        "OS/Arch": f"{sys.platform}/{os.uname().machine if hasattr(os, 'uname') else platform.machine()}",
        "Profile": snapshot.profile_name,
        "Server type": _read_server_type(snapshot),
        "Pydantic version": installed.get("pydantic") or metadata.version("pydantic"),
        "Server": _read_database(snapshot),
    }
    integrations = {name: installed[name] for name in sorted(installed) if name.startswith("prefect_")}
    if integrations and not omit_integrations:
        fields["Integrations"] = {name.replace("_", "-"): version for name, version in integrations.items()}
    return fields


def _has_loaded_settings() -> bool:
    """Return whether settings are already loaded, as for `prefect --profile NAME version`."""
    return "prefect.settings.models.root" in sys.modules


def _read_server_type(snapshot: Snapshot) -> str:
    url = snapshot.peek("api.url")
    if not url:
        return "local"
    cloud = snapshot.peek("cloud.api_url") or "https://api.prefect.cloud/api"
    return "cloud" if str(url).startswith(str(cloud)) else "server"


def _read_database(snapshot: Snapshot) -> dict[str, str]:
    url = snapshot.peek("server.database.connection_url", "PREFECT_API_DATABASE_CONNECTION_URL")
    driver = snapshot.peek("server.database.driver", "PREFECT_API_DATABASE_DRIVER")
    dialect = str(url or driver or "sqlite").partition(":")[0].partition("+")[0]
    if dialect != "sqlite":
        return {"Database": dialect}
    return {"Database": dialect, "SQLite version": sqlite3.sqlite_version}


def _list_installed() -> dict[str, str]:
    """Return the versions of installed packages, by listing directories: importlib.metadata takes 14 ms to import."""
    found: dict[str, str] = {}
    for directory in sys.path:
        try:
            entries = os.listdir(directory or ".")
        except OSError:
            continue
        for entry in entries:
            name, _, rest = entry.partition("-")
            if rest.endswith(".dist-info"):
                found.setdefault(name, rest.removesuffix(".dist-info"))
    return found
