"""Test support for programs: `prefect_test_harness` and assertions.

@pytest.fixture(autouse=True, scope="session")
def isolated():
    with prefect_test_harness():
        yield
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import journal
from prefect._lazy import lazy_from
from prefect.settings import PREFECT_HOME, temporary_settings
from prefect.settings.context import process_settings

if TYPE_CHECKING:
    from prefect.blocks.core import Block
    from prefect.client import orchestration
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas import filters, sorting
    from prefect.filesystems import ReadableFileSystem
    from prefect.journal import writer
    from prefect.results import resolve
    from prefect.schemas.runs import FlowRun
    from prefect.schemas.states import State
    from prefect.serializers import Serializer
    from prefect.task_runners import current as runners
else:
    filters, sorting = lazy_from("prefect.client.schemas", "filters", "sorting")
    orchestration, resolve = lazy_from("prefect", "client.orchestration", "results.resolve")
    runners, writer = lazy_from("prefect", "task_runners.current", "journal.writer")

__all__ = [
    "a_test_step",
    "assert_blocks_equal",
    "assert_does_not_warn",
    "assert_uses_result_serializer",
    "assert_uses_result_storage",
    "b_test_step",
    "exceptions_equal",
    "get_most_recent_flow_run",
    "kubernetes_environments_equal",
    "prefect_test_harness",
]


@contextmanager
def prefect_test_harness(server_startup_timeout: int | None = 30) -> Generator[None]:
    """Run flows and tasks inside the block in an empty, temporary home directory.

    Runs and results are stored there, and `get_client()` reads them, in every thread of this process. No server is
    contacted, even if the settings name one.

    Args:
        server_startup_timeout: Ignored: there is no server to wait for.
    """
    with tempfile.TemporaryDirectory(prefix="prefect-test-", ignore_cleanup_errors=True) as directory:
        # A nested directory, because a test may remove PREFECT_HOME itself.
        home = Path(directory) / ".prefect"
        with _use_home(home):
            # The current journal stays open, because this may run inside a flow.
            before = journal.replace_current(writer.Journal(home))
            try:
                yield
            finally:
                runners.close_default_task_runner()
                journal.close()
                journal.replace_current(before)


@contextmanager
def _use_home(home: Path) -> Generator[None]:
    """Set the home of this context and, because threads start with an empty context, of the process."""
    updates: dict[Any, Any] = {PREFECT_HOME: home}
    silenced = ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")
    derived = ("PREFECT_PROFILES_PATH", "PREFECT_LOCAL_STORAGE_PATH", "PREFECT_SERVER_DATABASE_CONNECTION_URL")
    with ExitStack() as stack:
        changed = stack.enter_context(temporary_settings(updates, restore_defaults=(*silenced, *derived)))
        stack.enter_context(process_settings(changed))
        yield


@contextmanager
def assert_does_not_warn(ignore_warnings: list[type[Warning]] | None = None) -> Generator[None]:
    """Assert that the code inside the block emits no warning.

    Args:
        ignore_warnings: Categories of warnings to ignore.

    Raises:
        AssertionError: The code emitted a warning.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ignore_warnings or ():
            warnings.simplefilter("ignore", kind)
        try:
            yield
        except Warning as warning:
            raise AssertionError(f"Warning was raised. {warning!r}") from warning


def exceptions_equal(a: BaseException | None, b: BaseException | None) -> bool:
    """Return whether two exceptions have the same type and arguments."""
    if a is None or b is None:
        return a is b
    return type(a) is type(b) and a.args == b.args


def kubernetes_environments_equal(
    actual: list[dict[str, str]], expected: list[dict[str, str]] | Mapping[str, str]
) -> bool:
    """Return whether two lists of `{"name": ..., "value": ...}` are equal in any order; prints the differences.

    Args:
        actual: Actual environment.
        expected: Expected environment, as such a list or as a mapping.
    """
    wanted = dict(expected) if isinstance(expected, Mapping) else _as_mapping(expected)
    found = _as_mapping(actual)
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            print(f"{name}: found {found.get(name)!r}, expected {wanted.get(name)!r}")  # noqa: T201
    return found == wanted and len(actual) == len(wanted)


def _as_mapping(variables: list[dict[str, str]]) -> dict[str, Any]:
    return {variable["name"]: variable.get("value") for variable in variables}


def assert_blocks_equal(found: Block, expected: Block, exclude_private: bool = True, **kwargs: Any) -> None:
    """Assert that two blocks have the same type and values.

    Args:
        found: Actual block.
        expected: Expected block.
        exclude_private: Whether to ignore private attributes.
        **kwargs: Arguments of `model_dump`, for example `exclude`.

    Raises:
        AssertionError: The blocks differ.
    """
    if type(found) is not type(expected):
        raise AssertionError(f"Unexpected type {type(found).__name__}, expected {type(expected).__name__}")
    pairs = [(found.model_dump(**kwargs), expected.model_dump(**kwargs))]
    if not exclude_private:
        pairs.append((found.__pydantic_private__ or {}, expected.__pydantic_private__ or {}))
    for one, other in pairs:
        differing = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        if differing:
            raise AssertionError(
                "; ".join(f"{name} is {one.get(name)!r}, expected {other.get(name)!r}" for name in differing)
            )


async def assert_uses_result_serializer(
    state: State[Any], serializer: str | Serializer, client: PrefectClient | None = None
) -> None:
    """Assert that a state's result was written with this serializer.

    Args:
        state: State of a run with a stored result.
        serializer: Serializer or its type.
        client: Ignored: the state has the metadata.

    Raises:
        AssertionError: The result was not stored, or with another serializer.
    """
    used = _read_metadata(state).serializer
    if isinstance(serializer, str):
        assert used.type == serializer, f"The result was written with {used.type!r}, expected {serializer!r}"
    else:
        assert used == serializer, f"The result was written with {used!r}, expected {serializer!r}"


async def assert_uses_result_storage(
    state: State[Any], storage: str | Path | ReadableFileSystem, client: PrefectClient | None = None
) -> None:
    """Assert that a state's result was written to this storage.

    Args:
        state: State of a run with a stored result.
        storage: A file system, a path, or the name of a saved block.
        client: Ignored: the state has the metadata.

    Raises:
        AssertionError: The result was not stored, or elsewhere.
    """
    metadata = _read_metadata(state)
    storage_or_name: Any = storage
    expected: Any = await resolve.aresolve_result_storage(storage_or_name)
    block_id = getattr(expected, "_block_document_id", None)
    if block_id is not None:
        assert metadata.storage_block_id == block_id, (
            f"The result is in the block {metadata.storage_block_id}, expected {block_id}"
        )
        return
    base = Path(expected.basepath or Path.cwd()).expanduser().resolve()
    path = Path(metadata.storage_key).resolve()
    assert path.is_relative_to(base), f"The result is in {str(path)!r}, expected in {str(base)!r}"


def _read_metadata(state: State[Any]) -> Any:
    metadata = getattr(state.data, "metadata", state.data)
    assert hasattr(metadata, "storage_key"), f"The result of {state!r} was not stored."
    return metadata


async def get_most_recent_flow_run(client: PrefectClient | None = None, flow_name: str | None = None) -> FlowRun:
    """Return the most recently created flow run.

    Args:
        client: Client to use; a new one if None.
        flow_name: Consider only runs of this flow.

    Raises:
        AssertionError: There is no flow run.
    """
    api = client or orchestration.get_client()
    only = filters.FlowFilter(name=filters.FlowFilterName(any_=[flow_name])) if flow_name else None
    runs = await api.read_flow_runs(flow_filter=only, sort=sorting.FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)
    assert runs, f"There is no flow run{f' of the flow {flow_name!r}' if flow_name else ''}."
    return runs[0]


def a_test_step(**kwargs: Any) -> dict[str, Any]:
    """Return the inputs and three outputs, as a deployment step for tests."""
    return {**kwargs, **_OUTPUTS}


def b_test_step(**kwargs: Any) -> dict[str, Any]:
    """Return the same as `a_test_step`, as a second deployment step."""
    return {**kwargs, **_OUTPUTS}


_OUTPUTS: dict[str, Any] = {"output1": 1, "output2": ["b", 2, 3], "output3": "This one is actually a string"}
