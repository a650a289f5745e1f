"""Tables, JSON, ages and durations."""

import json
from datetime import timedelta
from uuid import UUID

import pytest

from prefect.cli import _output
from prefect.settings import temporary_settings
from prefect.types import now


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "0s"),
        (0.0004, "0ms"),
        (0.85, "850ms"),
        (0.9999, "1.0s"),
        (4.23, "4.2s"),
        (59.97, "1m"),
        (192, "3m 12s"),
        (7500, "2h 5m"),
        (7205, "2h"),
        (274000, "3d 4h"),
        (-5, "-5.0s"),
        (timedelta(minutes=2), "2m"),
    ],
)
def test_format_duration(seconds, text: str):
    assert _output.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "just now"),
        (1, "1 second ago"),
        (125, "2 minutes ago"),
        (3600, "1 hour ago"),
        (200000, "2 days ago"),
        (-7200, "in 2 hours"),
    ],
)
def test_format_age(seconds: float, text: str):
    at = now()
    assert _output.format_age(at - timedelta(seconds=seconds), at=at) == text
    assert _output.format_age(None) == ""


def test_print_table_in_a_pipe(capsys):
    _output.print_table(["Name", "State"], [["a", _output.state_cell("Completed", "COMPLETED")], ["longer", None]])
    assert capsys.readouterr().out == "Name    State\na       Completed\nlonger\n"


def test_print_table_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(_output, "is_terminal", lambda: True)
    _output.print_table(["Name", "State"], [["[a]", _output.state_cell("Failed", "FAILED")]], title="Runs")
    shown = capsys.readouterr().out
    assert "Runs" in shown
    assert "│ [a]  │ Failed │" in shown


def test_print_json_encodes_known_types(capsys):
    at = now()
    _output.print_json({"id": UUID(int=1), "at": at, "took": timedelta(seconds=2), "tags": {"b", "a"}})
    assert json.loads(capsys.readouterr().out) == {
        "id": str(UUID(int=1)),
        "at": at.isoformat(),
        "took": 2.0,
        "tags": ["a", "b"],
    }


def test_print_fields_omits_none(capsys):
    _output.print_fields({"Name": "a", "State": _output.state_cell("Running", "RUNNING"), "End": None})
    assert capsys.readouterr().out == "Name   a\nState  Running\n"


def test_style_respects_no_color_and_setting(monkeypatch):
    assert _output.style("x", "red") != "x"
    monkeypatch.setattr(_output, "is_terminal", lambda: True)
    assert _output.style("x", "red") != "x"
    with temporary_settings({"cli.colors": False}):
        assert _output.style("x", "red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert _output.style("x", "red") == "x"
