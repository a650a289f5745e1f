"""Every combination of the original and this package, as client and as server."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat import programs
from tools import original, serving

SUPPORTED_SCENARIOS = [name for name in programs.SERVED if not programs.is_original_only(name)]

pytestmark = [pytest.mark.timeout(programs.TIMEOUT), pytest.mark.served]


@pytest.fixture(scope="module", autouse=True)
def the_original() -> None:
    if not original.is_available():
        pytest.skip("needs the original: `make compat` installs it")


@pytest.fixture(scope="module")
def our_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving.server(tmp_path_factory.mktemp("ours")) as served:
        yield served.url


@pytest.fixture(scope="module")
def their_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with original.server(tmp_path_factory.mktemp("theirs")) as (url, _):
        yield url


def different(python: Path | str, scenario: str, url: str, want: programs.Facts, folder: Path) -> str:
    variables = original.variables(folder / "home", PREFECT_API_URL=url)
    run = programs.run(python, scenario, variables, folder)
    lines = list(programs.compare(want, run))
    return f"{len(lines)} facts differ:\n" + "\n".join(lines) if lines else ""


@pytest.mark.parametrize("scenario", [*programs.SERVED, *programs.SCENARIOS])
def test_original_client_with_pluperfect_server(scenario: str, our_server: str, tmp_path: Path) -> None:
    want = programs.expected(scenario) | programs.served_differences(scenario, "theirs")
    assert not different(original.python(), scenario, our_server, want, tmp_path)


@pytest.mark.parametrize("scenario", [*SUPPORTED_SCENARIOS, *programs.SCENARIOS])
def test_pluperfect_client_with_pluperfect_server(scenario: str, our_server: str, tmp_path: Path) -> None:
    want = programs.wanted(scenario) | programs.served_differences(scenario, "ours")
    assert not different(sys.executable, scenario, our_server, want, tmp_path)


@pytest.mark.parametrize("scenario", [*SUPPORTED_SCENARIOS, *programs.SCENARIOS])
def test_pluperfect_client_with_original_server(scenario: str, their_server: str, tmp_path: Path) -> None:
    want = programs.wanted(scenario) | programs.served_differences(scenario, "original")
    assert not different(sys.executable, scenario, their_server, want, tmp_path)
