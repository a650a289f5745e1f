"""Run scenario programs and compare the facts they print.

`scenarios/*.py` are programs for `prefect` that print facts, `served/*.py` are such programs that need a server;
`expected/*.json` are the facts that the original printed; `differences.json` names each fact in which this package
differs on purpose, what it does instead, and why.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCENARIOS = sorted(path.stem for path in (HERE / "scenarios").glob("[!_]*.py"))
SERVED = sorted(path.stem for path in (HERE / "served").glob("[!_]*.py"))
TIMEOUT = 480.0
"""Seconds that a scenario may take; the original waits about a second at the end of each flow run."""

Facts = dict[str, Any]
OWN_WORDS = "<own words>"


@dataclass(frozen=True)
class Run:
    """Facts that a scenario printed.

    Attributes:
        facts: Name to fact.
        kinds: Name of an error class to the names of it and its bases.
        source: The scenario's text.
    """

    facts: Facts
    kinds: dict[str, list[str]]
    source: str


class ScenarioError(Exception):
    """A scenario program failed before its end."""


def program(scenario: str) -> Path:
    """Return the path of a scenario's program."""
    served = HERE / "served" / f"{scenario}.py"
    return served if served.exists() else HERE / "scenarios" / f"{scenario}.py"


def is_original_only(scenario: str) -> bool:
    """Return whether a scenario needs the original's client because it uses features that are not implemented."""
    return "# clients: original\n" in program(scenario).read_text(encoding="utf-8")


def run(python: Path | str, scenario: str, variables: Mapping[str, str], cwd: Path) -> Run:
    """Run a scenario with an interpreter and return its facts.

    Raises:
        ScenarioError: It did not complete; the message is the end of its output.
    """
    path = program(scenario)
    # A scenario whose subject is a setting says so in its text.
    required = dict(re.findall(r"^# environment: (\w+)=(\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE))
    environment = {"PREFECT_LOGGING_LEVEL": "CRITICAL", **variables, **required}
    done = subprocess.run(
        [os.fspath(python), path], env=environment, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT
    )
    printed = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("FACTS ", "KINDS ")))
    if done.returncode != 0 or "FACTS" not in printed:
        last = "\n".join(done.stderr.strip().splitlines()[-12:])
        raise ScenarioError(f"{scenario} ended with exit code {done.returncode}:\n{last}")
    return Run(json.loads(printed["FACTS"]), json.loads(printed["KINDS"]), path.read_text(encoding="utf-8"))


def expected(scenario: str) -> Facts:
    """Return the recorded facts of the original."""
    return json.loads((HERE / "expected" / f"{scenario}.json").read_text(encoding="utf-8"))


def record(scenario: str, facts: Facts) -> None:
    """Record the facts of the original."""
    text = json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False)
    (HERE / "expected" / f"{scenario}.json").write_text(text + "\n", encoding="utf-8")


def differences() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the intended differences: scenario to fact to `{"ours": value, "why": sentence}`."""
    return json.loads((HERE / "differences.json").read_text(encoding="utf-8"))


def served_differences(scenario: str, who: str) -> Facts:
    """Return the facts that differ with a server, for one combination.

    `theirs` is the original's client with this package's server, `ours` this package's client and server, `original`
    this package's client with the original's server.
    """
    found = json.loads((HERE / "served_differences.json").read_text(encoding="utf-8"))
    return {name: entry["found"] for name, entry in found.get(who, {}).get(scenario, {}).items()}


def wanted(scenario: str) -> Facts:
    """Return the expected facts of this package: those of the original, except for the intended differences."""
    return expected(scenario) | {name: entry["ours"] for name, entry in differences().get(scenario, {}).items()}


def compare(want: Facts, run: Run) -> Iterator[str]:
    """Return one line per differing fact.

    Error messages worded by this package are not compared, only those that the scenario wrote; an error may be of a
    subclass of the expected class.
    """
    for name in sorted(want.keys() | run.facts.keys()):
        if name not in run.facts:
            yield f"{name}: missing, wanted {json.dumps(want[name])}"
        elif name not in want:
            yield f"{name}: not known, found {json.dumps(run.facts[name])}"
        elif not _agree(want[name], run.facts[name], run):
            yield f"{name}:\n    wanted {json.dumps(want[name])}\n    found  {json.dumps(run.facts[name])}"


def _agree(want: Any, found: Any, run: Run) -> bool:
    if isinstance(want, list) and isinstance(found, list):
        return len(want) == len(found) and all(_agree(*pair, run) for pair in zip(want, found, strict=True))
    if not (isinstance(want, dict) and isinstance(found, dict) and want.keys() == found.keys()):
        return want == found
    if (key := next(iter({"raised", "error"} & want.keys()), None)) and want.keys() == {key, "message"}:
        below = want[key] in run.kinds.get(found[key], [found[key]])
        return below and _words(want["message"], run) == _words(found["message"], run)
    return all(_agree(want[key], found[key], run) for key in want)


def _words(message: str, run: Run) -> str:
    return message if not message or f'"{message}"' in run.source else OWN_WORDS
