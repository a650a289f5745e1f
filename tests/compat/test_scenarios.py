"""Programs for the original print the same facts here; where not, `differences.json` says why."""

import json
import sys
from pathlib import Path

import pytest

from tests.compat import programs
from tools import original


@pytest.mark.timeout(programs.TIMEOUT)
@pytest.mark.parametrize("scenario", programs.SCENARIOS)
def test_scenario(scenario: str, home: Path, tmp_path: Path):
    found = programs.run(sys.executable, scenario, original.variables(home), tmp_path)
    different = list(programs.compare(programs.wanted(scenario), found))
    assert not different, f"{len(different)} facts differ:\n" + "\n".join(different)


def test_every_scenario_has_been_recorded():
    assert {path.stem for path in (programs.HERE / "expected").glob("*.json")} == set(programs.SCENARIOS)


def test_each_difference_is_one_and_has_a_reason():
    for scenario, entries in programs.differences().items():
        recorded = programs.expected(scenario)
        for name, entry in entries.items():
            assert name in recorded, f"{scenario}: {name} is no fact of the original's"
            assert entry["ours"] != recorded[name], f"{scenario}: {name} is no difference"
            assert len(entry["why"]) > 20, f"{scenario}: {name} needs a reason"


def test_a_broken_program_is_an_error_that_says_what_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(programs, "HERE", tmp_path)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "broken.py").write_text("raise ValueError('this one')")
    with pytest.raises(programs.ScenarioError, match="this one"):
        programs.run(sys.executable, "broken", original.variables(tmp_path), tmp_path)


def test_comparing_finds_what_differs():
    assert list(programs.compare({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 3, "d": 4})) == [
        f"b:\n    wanted {json.dumps(2)}\n    found  {json.dumps(3)}",
        "c: missing, wanted 3",
        "d: not known, found 4",
    ]
