"""Every option of the public functions is passed in some test."""

from __future__ import annotations

from tests.house.options_use import find_options, find_unused


def test_every_option_is_passed_in_a_test() -> None:
    assert find_unused(find_options()) == {}, "test that the option does something"


def test_option_that_no_test_passes_is_found() -> None:
    options = find_options()
    name = "prefect.tasks.Task"

    assert "retries" in options[name]
    assert find_unused({name: ["retries", "invented_option"]}) == {name: ["invented_option"]}
