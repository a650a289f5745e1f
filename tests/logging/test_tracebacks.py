"""Tracebacks begin with the program's code, and an exception that ends it is shown once on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from prefect import flow, task
from prefect.logging import tracebacks
from prefect.settings import temporary_settings

PROGRAM = """
from prefect import flow, task

@task
def divide(x):
    return 1 / x

@flow
def main():
    return divide(0)

main()
"""


def fail() -> BaseException:
    @task
    def divide(number: int) -> float:
        return 1 / number

    @flow
    def main() -> float:
        return divide(0)

    try:
        main()
    except ZeroDivisionError as error:
        return error
    raise AssertionError


def test_traceback_begins_with_the_programs_code_and_folds_the_package():
    error = fail()

    lines = tracebacks.format_exception(error, error.__traceback__)

    assert f'File "{__file__}"' in lines[1] and "in fail" in lines[1]
    assert not [line for line in lines if f"prefect{os.sep}engine" in line]
    assert any("frames of prefect]" in line for line in lines)
    assert lines[-1] == "ZeroDivisionError: division by zero\n"


def test_traceback_shows_all_frames_when_the_setting_asks_for_them():
    error = fail()

    with temporary_settings({"logging.full_tracebacks": True}):
        lines = tracebacks.format_exception(error, error.__traceback__)

    assert any(f"prefect{os.sep}engine" in line for line in lines)


def test_traceback_of_an_error_inside_the_package_is_not_folded():
    lines: list[str] = []
    try:
        flow("not callable")  # pyright: ignore
    except TypeError as error:
        trace = error.__traceback__
        lines = tracebacks.format_exception(error, trace.tb_next if trace else None)

    assert any(f"prefect{os.sep}flows.py" in line or f"prefect{os.sep}_flow.py" in line for line in lines)


def test_causes_and_groups_are_folded_too():
    error = fail()
    outer = ExceptionGroup("several", [error])
    outer.__cause__ = error

    lines = "".join(tracebacks.format_exception(outer, None))

    assert lines.count("frames of prefect]") >= 2 and f"prefect{os.sep}engine" not in lines


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def test_uncaught_exception_is_shown_once_on_a_terminal(program: Path):
    parent_end, child_end = pty.openpty()
    with subprocess.Popen([sys.executable, str(program)], stderr=child_end, env={**os.environ, "NO_COLOR": "1"}):
        os.close(child_end)
        shown = _read_all(parent_end)

    assert shown.count("in <module>") == 0
    assert shown.rstrip().splitlines()[-2:] == ["ZeroDivisionError: division by zero", "(Its traceback is above.)"]
    assert "in main" in shown


def test_uncaught_exception_has_its_folded_traceback_in_a_file(program: Path):
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)

    last = done.stderr.rpartition("Traceback (most recent call last):")[2]
    assert "in <module>" in last and "in divide" in last and "frames of prefect]" in last
    assert f"prefect{os.sep}engine" not in done.stderr and done.returncode == 1


def test_uncaught_exception_that_the_console_did_not_show_is_shown(program: Path):
    parent_end, child_end = pty.openpty()
    environment = {**os.environ, "PREFECT_LOGGING_LEVEL": "CRITICAL", "NO_COLOR": "1"}
    with subprocess.Popen([sys.executable, str(program)], stderr=child_end, env=environment):
        os.close(child_end)
        shown = _read_all(parent_end)

    assert "in <module>" in shown


def _read_all(terminal: int) -> str:
    read: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            part = b""
        if not part:
            os.close(terminal)
            return b"".join(read).decode().replace("\r\n", "\n")
        read.append(part)
