"""Programs for the original print the same facts here, except for those in `differences.json`."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.compat import programs
from tools import original


@pytest.mark.timeout(programs.TIMEOUT)
@pytest.mark.parametrize("scenario", programs.SCENARIOS)
def test_scenario(scenario: str, home: Path, tmp_path: Path):
    run = programs.run(sys.executable, scenario, original.variables(home), tmp_path)
    different = list(programs.compare(programs.wanted(scenario), run))
    assert not different, f"{len(different)} facts differ:\n" + "\n".join(different)


def test_every_scenario_is_recorded():
    assert {path.stem for path in (programs.HERE / "expected").glob("*.json")} == {
        *programs.SCENARIOS,
        *programs.SERVED,
    }


def test_each_difference_exists_and_has_a_reason():
    for scenario, entries in programs.differences().items():
        recorded = programs.expected(scenario)
        for name, entry in entries.items():
            assert name in recorded, f"{scenario}: {name} is no fact of the original's"
            assert entry["ours"] != recorded[name], f"{scenario}: {name} is no difference"
            assert len(entry["why"]) > 20, f"{scenario}: {name} needs a reason"


def test_broken_scenario_error_has_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(programs, "HERE", tmp_path)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "broken.py").write_text("raise ValueError('this one')")
    with pytest.raises(programs.ScenarioError, match="this one"):
        programs.run(sys.executable, "broken", original.variables(tmp_path), tmp_path)


def printed(facts: dict[str, Any], source: str = "") -> programs.Run:
    return programs.Run(facts, {"Exact": ["Exact", "ValueError", "Exception"]}, source)


def test_compare_finds_differences():
    assert list(programs.compare({"a": 1, "b": [2], "c": 3}, printed({"a": 1, "b": [3], "d": 4}))) == [
        "b:\n    wanted [2]\n    found  [3]",
        "c: missing, wanted 3",
        "d: not known, found 4",
    ]


def test_compare_ignores_error_wording_only():
    want = {"a": {"raised": "ValueError", "message": "theirs"}}
    assert not list(programs.compare(want, printed({"a": {"raised": "ValueError", "message": "ours"}})))
    assert not list(programs.compare(want, printed({"a": {"raised": "Exact", "message": "ours"}})))
    assert list(programs.compare(want, printed({"a": {"raised": "TypeError", "message": "ours"}})))
    assert list(programs.compare(want, printed({"a": {"raised": "ValueError", "message": ""}})))
    assert list(
        programs.compare(want, printed({"a": {"raised": "ValueError", "message": "ours"}}, 'raise X("theirs")'))
    )
