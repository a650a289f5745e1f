"""Every Python block of external documentation pages runs unchanged, and behaves as documented.

`data/tasks-and-flows.md` and `data/block-types.md` are these pages; they are input and must not be edited. A block
shares the namespace of the previous blocks of its section.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, task
from prefect.blocks.system import Secret

PAGES = [Path(__file__).parent / "data" / name for name in ("tasks-and-flows.md", "block-types.md")]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
Names = dict[str, Any]
Run = Callable[[str], Names]


def sections() -> dict[str, dict[str, str]]:
    """Return section title to Python blocks by heading."""
    found: dict[str, dict[str, str]] = {}
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        found[title] = {}
        for part in re.split(r"^### ", body, flags=re.MULTILINE)[1:]:
            heading, _, text = part.partition("\n")
            for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
                assert heading not in found[title], f"{heading} has two blocks"
                found[title][heading] = block
    return found


BLOCKS = {heading: (title, heading) for title, blocks in sections().items() for heading in blocks}


@pytest.fixture
def names(tmp_path: Path) -> Run:
    """Run a block and all previous ones of its section, and return the resulting namespace.

    The blocks run from files, because sources and cache keys are computed from them.
    """

    def run(block: str) -> Names:
        title, _ = BLOCKS[block]
        defined: Names = {"__name__": "story"}
        for heading, code in sections()[title].items():
            file = tmp_path / f"{re.sub('[^a-z]+', '_', heading.lower())}.py"
            file.write_text(code, encoding="utf-8")
            exec(compile(code, file, "exec", dont_inherit=True), defined)
            if heading == block:
                break
        return defined

    return run


def test_every_python_block_is_tested():
    assert len(BLOCKS) == TEXT.count("```python") == 15


@pytest.mark.parametrize("block", BLOCKS)
def test_block_runs_verbatim(block: str, names: Run):
    Secret(value="the key of the page").save("api-key", overwrite=True)
    names(block)


def test_retry_configuration(names: Run):
    resilient = names("Retry Configuration")["resilient_task"]
    assert (resilient.retries, resilient.retry_delay_seconds, resilient.retry_jitter_factor) == (3, 30, 0.5)
    assert flow(lambda: resilient(return_state=True).name)() == "Completed"

    attempts: list[int] = []

    @task(retries=resilient.retries, retry_condition_fn=resilient.retry_condition_fn)
    def broken() -> None:
        attempts.append(1)
        raise ValueError("broke")

    assert flow(lambda: broken(return_state=True).name)() == "Failed"
    assert len(attempts) == 4


def test_caching(names: Run):
    defined = names("Caching")
    expensive = defined["expensive_computation"]

    @flow
    def compute(x: int):
        state = expensive(x, return_state=True)
        return state.name, state.result()

    assert [compute(3), compute(3), compute(4)] == [("Completed", 9), ("Cached", 9), ("Completed", 16)]


def test_caching_without_computable_key(names: Run):
    """The custom key of the page reads a missing attribute of the task's context: the task runs uncached."""
    custom = names("Caching")["custom_cached_task"]
    assert flow(lambda: [custom(1, return_state=True).name for _ in range(2)])() == ["Completed", "Completed"]


def test_concurrency(names: Run, caplog: pytest.LogCaptureFixture):
    defined = names("Concurrency")
    process = defined["process_item"]
    assert (process.timeout_seconds, process.log_prints, process.task_run_name) == (300, True, "process-{item}")

    from prefect.runtime import task_run

    printed: list[str] = []

    @task(task_run_name=process.task_run_name, timeout_seconds=process.timeout_seconds)
    def named(item: str) -> str:
        return task_run.name

    @flow
    def run() -> str:
        printed.append(process("it", return_state=True).name)
        return named("it")

    assert run() == "process-it"
    assert printed == ["Completed"]
    assert "Processing it" in caplog.messages


def test_concurrency_limit(names: Run):
    defined = names("Concurrency")
    queried: list[str] = []
    defined["query_database"] = lambda: queried.append("yes")
    flow(defined["limited_task"])()
    assert queried == ["yes"]


def test_result_configuration(names: Run, tmp_path: Path):
    with_results = names("Result Configuration")["task_with_results"]
    assert (with_results.persist_result, with_results.result_storage) == (True, "s3-bucket-block")
    here = with_results.with_options(result_storage=tmp_path / "results")
    assert flow(lambda: here())() == {"status": "complete"}
    written = [path.read_text() for path in (tmp_path / "results").iterdir()]
    assert len(written) == 1
    assert '"type":"json"' in written[0].replace(" ", "")


def test_flow_metadata(names: Run):
    from prefect.runtime import flow_run

    etl = names("Flow Metadata")["etl_flow"]
    assert (etl.name, etl.description) == ("my-etl-pipeline", "ETL pipeline for customer data")
    assert (etl.version, etl.timeout_seconds, etl.log_prints) == ("1.2.0", 3600, True)
    assert etl("2024-01-02", return_state=True).is_completed()

    named: list[str] = []

    def remember(flow: object, run: Any, state: object) -> None:
        named.append(run.name)

    etl.on_completion(remember)
    etl("2024-01-02")
    assert named == ["etl-2024-01-02"]
    assert flow_run.id is None


def test_subflows(names: Run):
    assert names("Subflows")["main_flow"]() == 10


def test_flow_return_values(names: Run):
    returned = names("Flow Return Values")["flow_with_return"]
    wanted = {"status": "success", "records_processed": 1000, "duration_seconds": 45.2}
    assert returned() == wanted
    assert returned(return_state=True).result() == wanted


def test_task_dependencies(names: Run):
    assert names("Task Dependencies")["parallel_flow"]() == "A + B"


def test_map_task(names: Run):
    states = names("Map Task")["batch_flow"](["a", "b", "c", "d"])
    assert [state.result() for state in states] == ["A", "B", "C", "D"]


def test_task_with_state(names: Run):
    conditional = names("Task with State")["conditional_task"]
    assert flow(lambda: conditional(3))() == 6
    state = flow(lambda: conditional(-1, return_state=True))(return_state=True)
    assert state.is_failed()
    assert flow(lambda: conditional(-1, return_state=True).message)() == "Negative value not allowed"


def test_block_types(names: Run):
    Secret(value="s3cret").save("api-key", overwrite=True)
    defined = names("Custom Blocks")
    assert (defined["api_key"], Secret.load("my-secret").get()) == ("s3cret", "my-secret-value")
    assert defined["db_host"] == "localhost"
    assert defined["conn_str"] == "postgresql://prod-db.example.com:5432/analytics"
    assert abs(defined["last_sync"] - defined["last_run"].value) < timedelta(seconds=1)
