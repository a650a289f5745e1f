"""Tables, JSON and fields."""

import json
from datetime import timedelta
from uuid import UUID

import pytest

from prefect.cli.core import formats, output
from prefect.settings import temporary_settings
from prefect.types import now


def test_print_table_in_a_pipe(capsys):
    output.print_table(["Name", "State"], [["a", formats.state_cell("Completed", "COMPLETED")], ["longer", None]])
    assert capsys.readouterr().out == "Name    State\na       Completed\nlonger\n"


def test_print_table_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    output.print_table(["Name", "State"], [["[a]", formats.state_cell("Failed", "FAILED")]], title="Runs")
    shown = capsys.readouterr().out
    assert "Runs" in shown
    assert "│ [a]  │ Failed │" in shown


def draw(capsys, monkeypatch, width: int, *args, **options) -> list[str]:
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    output.print_table(*args, **options)
    return capsys.readouterr().out.splitlines()


def test_print_table_cuts_long_values_to_the_terminal(capsys, monkeypatch):
    rows = [["id-0123456789", "x" * 300, "Completed"], ["id-1", "two\nlines", "Failed"]]
    lines = draw(capsys, monkeypatch, 50, ["ID", "Value", "State"], rows)
    assert {len(line) for line in lines if line} == {50}
    assert len([line for line in lines if "id-" in line]) == len(rows) == len(lines) - 4 - lines.count("")
    assert lines[3] == "│ id-0123456789 │ xxxxxxxxxxxxxxxxx… │ Completed │"
    assert "two lines" in lines[4]


def test_print_table_wraps_the_column_that_is_named(capsys, monkeypatch):
    text = " ".join(["word"] * 20)
    lines = draw(capsys, monkeypatch, 40, ["Name", "Text"], [["a", text]], wrapped="Text")
    assert sum(line.count("word") for line in lines) == 20


def test_print_table_is_not_cut_when_lines_are_not_wrapped(capsys, monkeypatch):
    with temporary_settings({"cli.wrap_lines": False}):
        lines = draw(capsys, monkeypatch, 40, ["Name", "Text"], [["a", "x" * 300]])
    assert any("x" * 300 in line for line in lines)


@pytest.mark.parametrize(
    ("widths", "available", "fitted"),
    [
        ([36, 5, 5], 100, [36, 5, 5]),
        ([36, 50, 5], 60, [36, 19, 5]),
        ([36, 50, 40], 60, [36, 12, 12]),
        ([36, 50, 40], 30, [10, 10, 10]),
        ([], 10, []),
    ],
)
def test_fit_widths_cuts_the_widest(widths: list[int], available: int, fitted: list[int]):
    assert output.fit_widths(widths, available) == fitted


def test_print_json_encodes_known_types(capsys):
    at = now()
    output.print_json({"id": UUID(int=1), "at": at, "took": timedelta(seconds=2), "tags": {"b", "a"}})
    assert json.loads(capsys.readouterr().out) == {
        "id": str(UUID(int=1)),
        "at": at.isoformat(),
        "took": 2.0,
        "tags": ["a", "b"],
    }


def test_print_fields_omits_none(capsys):
    output.print_fields({"Name": "a", "State": formats.state_cell("Running", "RUNNING"), "End": None})
    assert capsys.readouterr().out == "Name   a\nState  Running\n"


def test_style_respects_no_color_and_setting(monkeypatch):
    assert output.style("x", "red") != "x"
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    assert output.style("x", "red") != "x"
    with temporary_settings({"cli.colors": False}):
        assert output.style("x", "red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.style("x", "red") == "x"
