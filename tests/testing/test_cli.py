"""Command lines that run in this process."""

import pytest

from prefect import __version__, flow
from prefect.testing.cli import CycloptsCliRunner, check_contains, invoke_and_assert, temporary_console_width


def test_invoke_accepts_text_or_list():
    for command in ("version", ["version"]):
        result = invoke_and_assert(
            command, expected_output_contains=__version__, expected_output_does_not_contain="4.0"
        )
        assert result.exit_code == 0 and result.exception is None and result.output == result.stdout + result.stderr


def test_invoke_reads_runs_of_this_process():
    flow(name="seen here")(lambda: None)()
    invoke_and_assert("flow ls", expected_output_contains="seen here")


def test_invoke_returns_error_and_exit_code():
    result = invoke_and_assert("flow-run inspect nonsense", expected_code=1)
    assert result.stderr and not result.stdout
    assert CycloptsCliRunner().invoke("no-such-command").exit_code != 0


@pytest.mark.parametrize(
    "expected",
    [
        {"expected_code": 3},
        {"expected_output": "something else"},
        {"expected_output_contains": "something else"},
        {"expected_output_does_not_contain": [__version__]},
        {"expected_line_count": 999},
    ],
)
def test_invoke_and_assert_fails_for_unexpected_result(expected):
    with pytest.raises(AssertionError):
        invoke_and_assert("version", **expected)


def test_invoke_and_assert_types_responses():
    invoke_and_assert("profile create typed")
    invoke_and_assert(
        "--prompt profile delete typed",
        prompts_and_responses=[("typed", "y")],
        expected_code=None,
    )
    with pytest.raises(ValueError, match="either"):
        invoke_and_assert("version", user_input="y", prompts_and_responses=[("?", "y")])


def test_invoke_and_assert_uses_working_directory(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "prefect.toml").write_text("[tasks]\ndefault_retries = 7\n")
    import prefect.settings

    prefect.settings._forget()
    invoke_and_assert("config view", temp_dir=str(tmp_path / "there"), expected_output_contains="DEFAULT_RETRIES='7'")
    prefect.settings._forget()


def test_check_contains_ignores_indentation():
    check_contains(CycloptsCliRunner().invoke("version"), f"   {__version__}  ", should_contain=True)


def test_temporary_console_width():
    from rich.console import Console

    console = Console(width=80)
    with temporary_console_width(console, 33):
        assert console.width == 33
    assert console.width == 80
