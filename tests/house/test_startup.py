"""Start-up is a feature: what a program imports before it runs anything, and what an ordinary run imports."""

import os
import subprocess
import sys

import pytest

BEFORE_A_RUN = (
    "pydantic asyncio inspect logging yaml rich sqlite3 sqlalchemy jinja2 httpx orjson cloudpickle socket "
    "tempfile pathlib uuid zlib"
)
IN_A_RUN = "yaml rich sqlalchemy jinja2 httpx tomlkit psutil anyio alembic logging.config"

DEFINE = """
import sys
import prefect
prefect.flow, prefect.task
from prefect import flow, task

@task
def add(x: int, y: int = 1) -> int:
    return x + y

@flow(log_prints=True)
def program(n: int = 3) -> int:
    print("adding")
    return sum(add(i) for i in range(n))
"""


def imported(code: str, forbidden: str) -> list[str]:
    """Which of the forbidden modules a new process has imported after `code`."""
    code += f"\nfor name in {forbidden.split()!r}:\n    if name in sys.modules: print('imported', name)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split()[1] for line in done.stdout.splitlines() if line.startswith("imported ")]


@pytest.mark.parametrize("statement", ["import prefect; prefect.flow; prefect.task", "from prefect import flow, task"])
def test_the_door_is_light(statement):
    assert imported(f"import sys; {statement}", BEFORE_A_RUN) == []


def test_defining_flows_and_tasks_is_light():
    assert imported(DEFINE, BEFORE_A_RUN) == []


def test_an_ordinary_run_pays_for_nothing_it_does_not_use():
    assert imported(DEFINE + "\nassert program() == 6", IN_A_RUN) == []


def test_the_guard_sees_what_is_imported():
    assert imported("import sys, yaml", IN_A_RUN) == ["yaml"]
