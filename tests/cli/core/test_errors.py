"""Refusals of the API on every kind of screen: one line that says the reason, or JSON where JSON was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from prefect import exceptions
from prefect.cli.core import errors
from prefect.settings import PREFECT_API_URL, temporary_settings
from tests.cli.conftest import Run
from tests.cli.server.test_with_a_server import run_server

NOTHING = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def guarded_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that requires the credentials `me:secret`."""
    home = tmp_path_factory.mktemp("guarded")
    with run_server(home, PREFECT_SERVER_API_AUTH_STRING="me:secret") as url:
        yield url


SCREENS = [
    *(("flow-run", "ls"), ("flow-run", "inspect", "x"), ("flow-run", "cancel", NOTHING), ("task-run", "ls")),
    *(("flow", "ls"), ("deployment", "ls"), ("deployment", "run", "a/b"), ("deployment", "schedule", "ls", "a/b")),
    *(("work-pool", "ls"), ("work-queue", "ls"), ("variable", "ls"), ("variable", "set", "x", "1")),
    *(("artifact", "ls"), ("block", "ls"), ("block", "type", "ls"), ("automation", "ls")),
    *(("concurrency-limit", "ls"), ("global-concurrency-limit", "ls")),
]


def test_screens_name_the_setting_when_credentials_are_required(
    run: Run, guarded_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", guarded_url)
    requires = (
        f"Error: The API at {guarded_url} requires credentials. Set PREFECT_API_AUTH_STRING (PREFECT_API_KEY for "
        "Prefect Cloud).\n"
    )
    for screen in SCREENS:
        assert run(*screen) == (1, "", requires), screen
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "me:wrong")
    refuses = f"Error: The API at {guarded_url} does not accept the credentials. Check PREFECT_API_AUTH_STRING.\n"
    assert run("flow-run", "ls") == (1, "", refuses)
    outcome = run("events", "stream", "--run-once")
    assert outcome.code == 1
    assert outcome.err.splitlines()[1].startswith("Error: The server refused this client's websocket")


def test_server_status_works_without_credentials(run: Run, guarded_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", guarded_url)
    text = f"The server at {guarded_url} is available. It requires credentials. Set PREFECT_API_AUTH_STRING"
    assert run("server", "status").out.startswith(text)
    status = run("server", "status", "-o", "json")
    assert (status.code, status.json) == (
        0,
        {"status": "available", "api_url": guarded_url, "server_version": None},
    )
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "me:secret")
    assert run("server", "status", "-o", "json").json["server_version"] == "3.9.1"


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("work-queue", "ls", "-p", "none"), "There is no work pool 'none'. `prefect work-pool ls` lists them."),
        (
            ("work-queue", "inspect", "q", "-p", "none"),
            "There is no work pool 'none'. `prefect work-pool ls` lists them.",
        ),
        (("flow-run", "inspect", NOTHING), f"There is no flow run '{NOTHING}'. `prefect flow-run ls` lists them."),
        (("work-queue", "inspect", NOTHING), f"There is no work queue '{NOTHING}'."),
        (
            ("work-pool", "create", "a/b", "--type", "process"),
            "name: 'a/b' is empty or has one of the characters / % & > <.",
        ),
        (
            ("deployment", "inspect", NOTHING),
            f"There is no deployment '{NOTHING}'. `prefect deployment ls` lists them.",
        ),
    ],
)
def test_refusals_are_reported_with_their_reason(run: Run, home: Path, args: tuple[str, ...], reason: str) -> None:
    outcome = run(*args)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (1, "", 1)
    assert outcome.err.startswith(f"Error: {reason}")
    assert "http" not in outcome.err


@pytest.mark.parametrize(
    "args",
    [
        ("flow-run", "inspect", "nothing", "-o", "json"),
        ("work-pool", "inspect", "nothing", "--output", "json"),
        ("flow-run", "ls", "--output=json", "--limit", "x"),
        ("variable", "ls", "-ojson", "--limit", "0"),
    ],
)
def test_errors_are_json_when_the_output_is(run: Run, home: Path, args: tuple[str, ...]) -> None:
    outcome = run(*args)
    assert (outcome.code, outcome.out) == (1, "")
    assert list(json.loads(outcome.err)) == ["error"]
    assert run("flow-run", "inspect", "nothing").err.startswith("Error: ")


def refusal(status: int, **content: object) -> Exception:
    request = httpx.Request("POST", "http://api.test/api/x")
    response = httpx.Response(status, request=request, **content)  # pyright: ignore[reportArgumentType]
    with pytest.raises(httpx.HTTPStatusError) as raised:
        response.raise_for_status()
    return exceptions.PrefectHTTPStatusError.from_httpx_error(raised.value)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (refusal(409, json={"detail": "There is a pool 'a' already."}), "There is a pool 'a' already."),
        (exceptions.ObjectNotFound(refusal(404, json={"detail": "There is no x."})), "There is no x."),
        (exceptions.ObjectAlreadyExists(refusal(409, json={"detail": "There is an x."})), "There is an x."),
        (
            refusal(404, json={"detail": "Not Found"}),
            "The API at http://api.test/api has no such operation. Check that PREFECT_API_URL is the address of an "
            "API.",
        ),
        (
            refusal(
                422, json={"exception_detail": [{"loc": ["body", "n"], "msg": "too small"}, {"loc": [], "msg": "b"}]}
            ),
            "body.n: too small; : b",
        ),
        (refusal(503, text="<html>"), "The API at http://api.test/api responded with status 503."),
        (
            refusal(500, json={"exception_message": "Internal\n Server Error"}),
            "The API at http://api.test/api responded with status 500: Internal Server Error",
        ),
        (ValueError("another"), None),
    ],
)
def test_describe_reports_the_reason_of_a_response(error: Exception, text: str | None) -> None:
    with temporary_settings({PREFECT_API_URL: "http://api.test/api"}):
        assert errors.describe(error) == text


def test_describe_names_the_key_that_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"api.url": "http://api.test/api", "api.key": "k"}
    with temporary_settings(settings):
        text = errors.describe(refusal(401, json={"exception_message": "Unauthorized"}))
    assert text == "The API at http://api.test/api does not accept the credentials. Check PREFECT_API_KEY."


def test_refused_action_is_described_by_the_errors_of_its_type() -> None:
    request = httpx.Request("POST", "http://test/api/automations/")
    place = ["body", "actions", 0]
    reasons = [
        {"loc": [*place, "DoNothing", "type"], "type": "literal_error", "msg": "Input should be 'do-nothing'"},
        {
            "loc": [*place, "function-after[check(), CallWebhook]", "payload"],
            "type": "value_error",
            "msg": "Value error, This is not a template",
        },
    ]
    response = httpx.Response(422, json={"exception_message": "invalid", "exception_detail": reasons}, request=request)
    described = errors.describe(exceptions.PrefectHTTPStatusError("422", request=request, response=response))
    assert described == "body.actions.0.CallWebhook.payload: This is not a template"
