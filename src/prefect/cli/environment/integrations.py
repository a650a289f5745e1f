"""`prefect integrations`: install the published integrations of Prefect with this package."""

from __future__ import annotations

import importlib.metadata
import importlib.util

import click

from prefect.cli.core.command import flag, group, positional
from prefect.cli.core.output import fail, print_notice

command = group("integrations", "Install published integrations of Prefect with this package.")

KNOWN: dict[str, str] = {
    "aws": "aiobotocore>=2.23.2 boto3>=1.24.53 botocore>=1.27.53 pyparsing>=3.1.1 tenacity>=8.0.0 typer>=0.9.0,<0.28",
    "azure": "aiohttp azure-identity>=1.10 azure-mgmt-containerinstance>=10.0 azure-mgmt-resource>=21.2,<25"
    " prefect-docker>=0.6.2 setuptools<81",
    "bitbucket": "atlassian-python-api>=3.41.8",
    "dask": "distributed>=2025.1",
    "databricks": "",
    "dbt": "dbt-core>=1.7.0 prefect-shell>=0.3.2 sgqlc>=16.0.0",
    "docker": "docker>=6.1.1 exceptiongroup python-on-whales>=0.81",
    "email": "",
    "gcp": "google-api-python-client>=2.20.0 google-cloud-storage>=2.0.0 tenacity>=8.0.0 python-slugify>=8.0.0"
    " google-cloud-secret-manager",
    "github": "sgqlc>=15.0",
    "gitlab": "python-gitlab>=3.12.0 tenacity>=8.2.3",
    "kubernetes": "kubernetes-asyncio>=32.0.0 tenacity>=8.2.3 exceptiongroup pyopenssl>=24.1.0 kopf>=1.45.1"
    " python-json-logger>=3.3.0",
    "ray": "ray[default]>=2.40",
    "redis": "redis>=8.0.0",
    "shell": "",
    "slack": "aiohttp slack_sdk>=3.15.1",
    "snowflake": "snowflake>=1.5.0 snowflake-connector-python>=3.17.2 tenacity>=8.0.0",
    "sqlalchemy": "sqlalchemy>=1.4.31,<3",
}
"""The integrations, and what each requires besides `prefect`; `make integrations` compares it with their metadata."""

_OWN = {"dask": "dask", "docker": "docker", "kubernetes": "kubernetes", "ray": "ray"}
"""Integrations that are part of this package, with their extras."""


_SHIPPED = ("aws", "dask", "docker", "email", "kubernetes", "ray")
"""Integrations whose packages this distribution has: the published ones would overwrite them."""

_REINSTALL_COMMAND = "pip install --force-reinstall --no-deps pluperfect"


@command.command("ls")
def ls() -> None:
    """List the integrations that are known to work with this package."""
    for name in KNOWN:
        part = f"  part of this package: pip install 'pluperfect[{_OWN[name]}]'" if name in _OWN else ""
        click.echo(f"prefect-{name}{part}")
    for line in find_overwritten():
        print_notice(line)


def find_overwritten() -> list[str]:
    """Return a sentence on each package of this distribution whose files are another's, or gone."""
    found: list[str] = []
    for name in _SHIPPED:
        try:
            version = importlib.metadata.version(f"prefect-{name}")
        except importlib.metadata.PackageNotFoundError:
            spec = importlib.util.find_spec(f"prefect_{name}")
            if spec is None or spec.origin is None:  # what is left is a directory without __init__.py
                found.append(f"The files of prefect_{name} are gone: restore them with `{_REINSTALL_COMMAND}`.")
            continue
        found.append(
            f"prefect-{name} {version} has replaced this distribution's prefect_{name}, and is used in its place. "
            f"To go back: `pip uninstall prefect-{name}`, then `{_REINSTALL_COMMAND}`."
        )
    return found


@command.command("requirements")
@positional("names", multiple=True, help="Pass the names of integrations, with or without `prefect-`.")
@flag("--uv", help="Print overrides for uv instead of requirements for pip.")
def requirements(names: tuple[str, ...], uv: bool) -> None:
    """Print the requirements of an integration without `prefect`, which this package provides.

    With pip, install the integration alone, then what it requires:

    \b
      pip install --no-deps prefect-shell
      prefect integrations requirements shell > shell.txt
      pip install -r shell.txt

    With uv, override the requirement of the original:

    \b
      prefect integrations requirements shell --uv > overrides.txt
      uv pip install prefect-shell --override overrides.txt
    """
    wanted = sorted({name.removeprefix("prefect-").removeprefix("prefect_") for name in names})
    unknown = [name for name in wanted if name not in KNOWN]
    if unknown:
        fail(f"There is no integration {unknown[0]!r}. Known are: {', '.join(KNOWN)}.")
    packages = " ".join(f"prefect-{name}" for name in wanted)
    if uv:
        click.echo(f"# uv pip install {packages} --override FILE, where FILE has these lines")
        click.echo("# pluperfect provides the package prefect: the original is never installed.")
        click.echo("prefect; python_version < '3'")
        return
    click.echo(f"# pip install --no-deps {packages} && pip install -r FILE, where FILE has these lines")
    click.echo("# pluperfect provides the package prefect; its extra `compat` has what integrations use undeclared.")
    click.echo("pluperfect[compat]")
    for line in sorted({line for name in wanted for line in KNOWN[name].split()}):
        click.echo(line if not line.startswith("prefect-") else f"# also --no-deps: {line}")
