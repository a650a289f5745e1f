"""`prefect api`: send a request to the API with the address, credentials and headers of the settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy_modules
from prefect.cli.core.command import command as standalone
from prefect.cli.core.command import flag, multiple_option, positional
from prefect.cli.core.lookup import get_client
from prefect.cli.core.output import fail
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    import httpx

    from prefect import exceptions
else:
    exceptions, httpx = lazy_modules("prefect.exceptions", "httpx")

UNREACHABLE_EXIT_CODE = 7
"""Exit code if no response arrives; 4 and 5 are the exit codes of 4xx and 5xx responses."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


@standalone("api")
@positional("method", help=f"Pass an HTTP method: {', '.join(METHODS)}.")
@positional("path", help="Pass a path relative to the API, for example /flows/filter.")
@click.option("--data", help="JSON body of the request, or @FILE to read it from a file.")
@multiple_option("--header", "-H", "headers", metavar="'KEY: VALUE'", help="Additional request header")
@flag("--verbose", "-v", help="Print the headers of the request and the response.")
@flag("--root", help="Resolve the path from the root of the server instead of the API.")
@flag("--account", help="Accepted for Prefect Cloud; not supported here.")
def command(
    method: str, path: str, data: str | None, headers: tuple[str, ...], verbose: bool, root: bool, account: bool
) -> None:
    """Send a request to the API and print the response."""
    if method.upper() not in METHODS:
        fail(f"{method!r} is not an HTTP method. Use one of {', '.join(METHODS)}.")
    if account:
        raise NotImplementedError("--account is a feature of Prefect Cloud and not supported.")
    url = get_current_settings().api.url
    if not url:
        fail("No API URL configured. Set PREFECT_API_URL to the address of your server.")
    address = url.rstrip("/").removesuffix("/api") if root else url.rstrip("/")
    response = _send(
        method.upper(), f"{address}/{path.lstrip('/')}", data, dict(_parse_header(text) for text in headers)
    )
    if verbose:
        _print_exchange(response)
    if response.content:
        click.echo(_format_body(response))
    if response.is_error:
        raise click.exceptions.Exit(4 if response.is_client_error else 5)


def _send(method: str, url: str, data: str | None, headers: dict[str, str]) -> Any:
    options: dict[str, Any] = {"headers": headers}
    if data is not None:
        options["content"] = Path(data[1:]).read_text() if data.startswith("@") else data
        options["headers"] = {"content-type": "application/json", **headers}
    try:
        api: Any = get_client()  # its typed methods cover known routes only; this path is arbitrary
        return api.request(method, url, **options)
    except exceptions.PrefectHTTPStatusError as error:
        return error.response
    except httpx.TransportError as error:
        click.echo(f"Error: {error}", err=True)
        raise click.exceptions.Exit(UNREACHABLE_EXIT_CODE) from None


def _parse_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        fail(f"{text!r} is not a header. Write it as 'Key: Value'.")
    return name.strip(), value.strip()


def _print_exchange(response: Any) -> None:
    click.echo(f"> {response.request.method} {response.request.url}", err=True)
    for name, value in response.request.headers.items():
        click.echo(f"> {name}: {'…' if name == 'authorization' else value}", err=True)
    click.echo(f"< {response.status_code} {response.reason_phrase}", err=True)
    for name, value in response.headers.items():
        click.echo(f"< {name}: {value}", err=True)


def _format_body(response: Any) -> str:
    try:
        return json.dumps(response.json(), indent=2, ensure_ascii=False)
    except ValueError:
        return response.text
