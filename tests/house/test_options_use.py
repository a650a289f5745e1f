"""Every option of the public functions is passed in some test; a list of the others may only become shorter."""

from __future__ import annotations

import json
from pathlib import Path

from tests.house.options_use import find_options, find_unused

UNTESTED: dict[str, list[str]] = json.loads((Path(__file__).parent / "data" / "untested-options.json").read_text())


def test_every_option_is_passed_in_a_test() -> None:
    unused = find_unused(find_options())

    new = {name: sorted(set(left) - set(UNTESTED.get(name, ()))) for name, left in unused.items()}
    assert {name: left for name, left in new.items() if left} == {}, "test that the option does something"


def test_option_that_no_test_passes_is_found() -> None:
    options = find_options()
    name = "prefect.tasks.Task"

    assert "retries" in options[name]
    assert find_unused({name: ["retries", "invented_option"]}) == {name: ["invented_option"]}
