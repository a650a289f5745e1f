"""Errors of the API and of validation as one line: the reason that the API gives, without terms of HTTP.

It must not print anything.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy_from
from prefect.cli.core import output

if TYPE_CHECKING:
    from prefect import settings
    from prefect.client import failures
else:
    failures, settings = lazy_from("prefect", "client.failures", "settings")

_UNKNOWN_ROUTE_DETAIL = "Not Found"
"""The detail of a response to a path that the server does not have."""


def wants_json(args: Sequence[str]) -> bool:
    """Return whether a command line asks for JSON, which holds for its errors too."""
    before = list(args[: args.index("--")]) if "--" in args else list(args)
    if "-ojson" in before or "--output=json" in before:
        return True
    return any(pair in (("-o", "json"), ("--output", "json")) for pair in itertools.pairwise(before))


def describe(error: BaseException) -> str | None:
    """Return why the API or a model refuses a request, in one line; None for an error of another kind."""
    response = failures.get_response(error)
    if response is not None:
        return _describe_response(response)
    http: Any = sys.modules.get("httpx")  # if it was never imported, it raised nothing
    if http is not None and isinstance(error, http.HTTPError):
        return to_one_line(error)  # the client's errors name the URL
    return _describe_validation_error(error)


def to_one_line(error: BaseException) -> str:
    """Return the message of an error in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _describe_response(response: Any) -> str:
    status, detail = response.status_code, _read_detail(response)
    url = settings.get_current_settings().api.url or "this home"
    if status == 401:
        return f"The API at {url} {describe_missing_credentials()}"
    if detail == _UNKNOWN_ROUTE_DETAIL:
        return f"The API at {url} has no such operation. Check that PREFECT_API_URL is the address of an API."
    if detail is None or status >= 500 or status == 407:
        reason = f": {detail}" if detail else "."
        return f"The API at {url} responded with status {status}{reason}"
    return detail


def describe_missing_credentials() -> str:
    """Return what an API does that refuses the credentials of the current settings, and what to do."""
    api = settings.get_current_settings().api
    if api.auth_string is None and api.key is None:
        return "requires credentials. Set PREFECT_API_AUTH_STRING (PREFECT_API_KEY for Prefect Cloud)."
    name = "PREFECT_API_AUTH_STRING" if api.auth_string is not None else "PREFECT_API_KEY"
    return f"does not accept the credentials. Check {name}."


def _read_detail(response: Any) -> str | None:
    """Return the reason that a response gives, in one line."""
    try:
        answer = response.json()
    except ValueError:
        return None
    for key in ("detail", "exception_detail", "exception_message"):
        if isinstance(answer, dict) and answer.get(key):  # pyright: ignore[reportUnknownMemberType]
            answer = answer[key]  # pyright: ignore[reportUnknownVariableType]
            break
    if isinstance(answer, list):  # validation errors, one per field
        return _describe_list(answer)  # pyright: ignore[reportUnknownArgumentType]
    return " ".join(str(answer).split())  # pyright: ignore[reportUnknownArgumentType]


def _describe_list(errors: list[Any]) -> str:
    if all(isinstance(one, dict) and {"loc", "type", "msg"} <= one.keys() for one in errors):
        errors = output.drop_other_types(errors) or errors
    return "; ".join(
        f"{output.format_location(one.get('loc', ()))}: {str(one.get('msg')).removeprefix('Value error, ')}"
        if isinstance(one, dict)
        else str(one)
        for one in errors
    )


def _describe_validation_error(error: Any) -> str | None:
    """Describe an invalid value of an object to create or update; return None for other errors."""
    pydantic: Any = sys.modules.get("pydantic")
    if pydantic is None or not isinstance(error, pydantic.ValidationError):
        return None
    return f"{output.describe_error(error)}." if error.title.endswith(("Create", "Update")) else None
