"""Artifacts: recorded with their run, formatted as in the interface, found by key."""

import asyncio
import logging
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect import flow, task
from prefect.artifacts import (
    Artifact,
    ImageArtifact,
    LinkArtifact,
    MarkdownArtifact,
    ProgressArtifact,
    TableArtifact,
    acreate_markdown_artifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.logging._identity import RunIdentity, run_identity
from prefect.types import new_id

pytestmark = pytest.mark.filterwarnings("ignore:Artifact creation outside of a flow or task run")


def read(id_: UUID) -> Any:
    return next(known for known in get_client(sync_client=True).read_artifacts() if known.id == id_)


def test_create_functions_store_formatted_data(home: Path) -> None:
    expected = {
        create_link_artifact("http://x", key="lnk", description="where"): ("lnk", "markdown", "[http://x](http://x)"),
        create_link_artifact("http://x", "there"): (None, "markdown", "[there](http://x)"),
        create_markdown_artifact("# Hi", key="note-1"): ("note-1", "markdown", "# Hi"),
        create_table_artifact([{"a": 1, "b": math.nan}]): (None, "table", '[{"a": 1, "b": null}]'),
        create_table_artifact({"a": [1, 2], "b": [3, None]}): (None, "table", '{"a": [1, 2], "b": [3, null]}'),
        create_image_artifact("http://i", key="img"): ("img", "image", "http://i"),
        create_progress_artifact(50, key="prog"): ("prog", "progress", 50),
    }
    known = {artifact.id: artifact for artifact in get_client(sync_client=True).read_artifacts()}
    assert {id_: (known[id_].key, known[id_].type, known[id_].data) for id_ in expected} == expected
    assert known[next(iter(expected))].description == "where"


def test_artifact_has_ids_of_current_runs(home: Path) -> None:
    flow_run_id, task_run_id = new_id(), new_id()
    token = run_identity.set(RunIdentity(flow_run_id=flow_run_id, task_run_id=task_run_id))
    try:
        made = create_markdown_artifact("x")
    finally:
        run_identity.reset(token)
    assert (read(made).flow_run_id, read(made).task_run_id) == (flow_run_id, task_run_id)
    assert read(create_markdown_artifact("y")).flow_run_id is None


async def test_create_artifact_in_async_code(home: Path) -> None:
    made = [await acreate_markdown_artifact("x"), await create_markdown_artifact("y")]  # pyright: ignore
    async with get_client() as client:
        assert {known.id for known in await client.read_artifacts()} == set(made)
        assert (await Artifact(data=1).create(client)).data == "1"  # pyright: ignore
        linked = await create_link_artifact("l", client=client)  # pyright: ignore
        assert linked in {known.id for known in await client.read_artifacts()}


@pytest.mark.parametrize("key", ["Bad Key!", "under_score"])
def test_create_artifact_rejects_invalid_key(key: str, home: Path) -> None:
    with pytest.raises(ValueError, match="Artifact key"):
        create_markdown_artifact("x", key=key)
    with pytest.raises(ValueError, match="Artifact key"):
        MarkdownArtifact(markdown="x", key=key)


WRONG: Any = [
    (create_markdown_artifact, [5], "`markdown` of an artifact must be a string, not 5."),
    (create_link_artifact, [5], "`link` of an artifact must be a string, not 5."),
    (create_image_artifact, [5], "`image_url` of an artifact must be a string, not 5."),
    (create_table_artifact, ["a"], "A table must be a list of rows"),
    (create_table_artifact, [[1]], "A table must be a list of rows"),
    (create_table_artifact, [{"a": 1}], "A table must be a list of rows"),
    (create_progress_artifact, ["x"], "must be a number"),
    (create_progress_artifact, [math.nan], "must be a number"),
    (update_progress_artifact, ["x", 5], "must be the id of an artifact, a UUID, not 'x'"),
]


@pytest.mark.parametrize(("create", "values", "error"), WRONG)
def test_value_of_a_wrong_type_is_refused(create: Callable[..., Any], values: list[Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        create(*values)


def test_update_progress_artifact(home: Path) -> None:
    made = create_progress_artifact(10, description="begin")
    assert update_progress_artifact(made, 75.5) == made
    assert (read(made).data, read(made).description) == (75.5, "begin")
    update_progress_artifact(made, 80, description="nearly")
    assert (read(made).data, read(made).description) == (80, "nearly")
    with get_client(sync_client=True) as client:
        assert client.read_artifacts()[0].updated > client.read_artifacts()[0].created  # pyright: ignore


@pytest.mark.parametrize(("percentage", "taken"), [(150, 100), (-3, 0)])
def test_progress_is_clamped_with_a_warning(
    home: Path, caplog: pytest.LogCaptureFixture, percentage: float, taken: float
) -> None:
    logger = logging.getLogger("prefect.artifacts")
    logger.addHandler(caplog.handler)
    try:
        made = create_progress_artifact(percentage)
    finally:
        logger.removeHandler(caplog.handler)
    assert read(made).data == taken
    assert "was clamped to" in caplog.text


def test_artifact_classes_format_their_data() -> None:
    assert LinkArtifact(link="l").format() == "[l](l)"
    assert LinkArtifact(link="l", link_text="t").format() == "[t](l)"
    assert MarkdownArtifact(markdown="m").format() == "m"
    assert TableArtifact(table=[[1, 2], [3, 4]]).format() == "[[1, 2], [3, 4]]"
    assert ProgressArtifact(progress=3).format() == 3
    assert ImageArtifact(image_url="u").format() == "u"
    assert Artifact(type="x", data={"x": 1}).format() == '{"x": 1}'


def test_artifact_get_and_get_or_create(home: Path) -> None:
    assert Artifact.get("rows") is None
    made = TableArtifact(table=[[1]], key="rows", description="d").create()
    assert (made.key, made.type, made.data) == ("rows", "table", "[[1]]")
    newer = TableArtifact(table=[[2]], key="rows").create()
    found = Artifact.get("rows")
    assert found is not None
    assert found.id == newer.id
    assert TableArtifact.get_or_create("rows", table=[[3]]) == (found, False)
    other, created = TableArtifact.get_or_create("other", description="q", table=[[4]])
    assert (created, other.data, other.description) == (True, "[[4]]", "q")
    assert Artifact.get_or_create("third", data={"x": 2})[0].data == '{"x": 2}'


async def test_artifact_get_in_async_code(home: Path) -> None:
    await MarkdownArtifact(markdown="m", key="k").acreate()
    assert (await Artifact.aget("k")).data == "m"  # pyright: ignore
    assert (await Artifact.get("k")).data == "m"  # pyright: ignore
    assert (await Artifact.aget_or_create("k"))[1] is False


def test_create_artifact_imports_no_model(home: Path) -> None:
    code = (
        "import sys; from prefect.artifacts import create_markdown_artifact, create_link_artifact\n"
        "create_markdown_artifact('x', key='k')\n"
        "heavy = ('prefect.schemas.base', 'prefect.client.orchestration', 'prefect.artifacts.models', 'asyncio')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "create",
    [
        lambda: create_markdown_artifact("# Hi"),
        lambda: create_progress_artifact(50),
        lambda: MarkdownArtifact(markdown="# Hi").create(),
        lambda: asyncio.run(acreate_markdown_artifact("# Hi")),
    ],
)
def test_artifact_outside_of_a_run_warns_at_the_caller(create: Callable[[], Any]):
    with pytest.warns(FutureWarning, match="Artifact creation outside of a flow or task run") as found:
        create()
    assert [Path(each.filename).name for each in found] in ([Path(__file__).name], ["events.py"])


@pytest.mark.filterwarnings("error")
def test_artifact_in_a_run_does_not_warn():
    @task
    def note() -> None:
        create_markdown_artifact("# Hi")

    @flow
    def program() -> None:
        create_markdown_artifact("# Hi")
        note()
        note.submit().wait()

    program()
    note()
