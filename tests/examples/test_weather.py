"""The weather example: mapped tasks, a retry, a cached task, a subflow and an artifact."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from prefect.client.orchestration import get_client
from tools import original

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def run(program: str, home: Path, *arguments: str) -> str:
    command = [sys.executable, EXAMPLES / program, *arguments]
    done = subprocess.run(command, cwd=home.parent, env=original.variables(home), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_weather_example_runs_twice(home: Path):
    assert "2014: New York was wetter, Seattle was warmer" in run("weather.py", home)
    run("weather.py", home)

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs()
        assert Counter(each.name.partition("-")[0] == "compare" for each in runs) == {True: 2, False: 2}
        assert {each.state.name for each in runs} == {"Completed"}
        tasks = [each for page in range(2) for each in client.read_task_runs(limit=200, offset=200 * page)]

    normals = Counter(each.state.name for each in tasks if each.name.startswith("normals-"))
    assert normals == {"Completed": 2, "Cached": 2}
    assert {each.run_count for each in tasks if each.name.startswith("latitude-")} == {2}
    assert sum(each.name.startswith(("Seattle-20", "New York-20")) for each in tasks) == 2 * 96


def test_artifact_is_the_report(home: Path):
    run("weather.py", home)
    from prefect.client.schemas.filters import ArtifactFilter

    with get_client(sync_client=True) as client:
        (artifact,) = client.read_artifacts(artifact_filter=ArtifactFilter(key={"any_": ["weather-report"]}))
    assert "| 2012 | 13.9 | 1012 | 103 | February +4.3 |" in artifact.data


def test_history_lists_the_runs(home: Path):
    run("weather.py", home)
    shown = run("history.py", home, "weather")
    assert "96 Completed" in shown
    assert "compare" in shown


def test_history_of_flow_without_runs(home: Path):
    command = [sys.executable, EXAMPLES / "history.py", "nothing"]
    done = subprocess.run(command, cwd=home.parent, env=original.variables(home), capture_output=True, text=True)
    assert done.returncode == 1
    assert "no run of 'nothing' has been recorded" in done.stderr
