"""Types of parameters, results and options of tasks and flows. Needs pyright."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from collections.abc import Coroutine
from typing import Any, assert_type

from prefect import Flow, State, Task, flow, task
from prefect.futures import PrefectFuture, PrefectFutureList

@task
def a(x: int) -> str: return ""
@task(retries=3, tags=["x"], on_completion=[lambda task, run, state: None])
async def b(x: int) -> str: return ""
@flow(name="x", log_prints=True)
def f(x: int) -> str: return ""
@flow
async def g(x: int) -> str: return ""

assert_type(a(1), str)
assert_type(a(1, return_state=True), State[str])
assert_type(a(1, wait_for=[a.submit(1)]), str)
assert_type(a.submit(a.submit(1)), PrefectFuture[str])
assert_type(a.submit(1).result(), str)
assert_type(a.submit(1, return_state=True), State[str])
assert_type(a.map([1]), PrefectFutureList[str])
assert_type(a.map([1]).result(), list[str])
assert_type(a.map([1], return_state=True), list[State[str]])
assert_type(b.submit(1), PrefectFuture[str])
assert_type(b.map([1]), PrefectFutureList[str])
assert_type(f(1), str)
assert_type(f(1, return_state=True), State[str])
assert_type(f.with_options(retries=2)(1), str)

async def program() -> None:
    assert_type(await b(1), str)
    assert_type(await b(1, return_state=True), State[str])
    assert_type(await g(1), str)
    assert_type(await g(1, return_state=True), State[str])

a("wrong")             # error
f("wrong")             # error
a()                    # error
task(retires=3)        # error
flow(retries="three")  # error
"""


@pytest.mark.skipif(importlib.util.find_spec("pyright") is None, reason="pyright is not installed")
def test_type_checker_infers_parameters_results_and_options(tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(program)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, cwd=tmp_path).stdout)
    lines = {one["range"]["start"]["line"]: one["message"] for one in found["generalDiagnostics"]}
    expected = {number for number, line in enumerate(PROGRAM.splitlines()) if "# error" in line}
    assert lines.keys() == expected, lines
