"""Artifacts made by runs."""

import uuid

from _facts import client, fact, run_id, trace

from prefect import flow, task
from prefect.artifacts import (
    Artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

KEY = "k" + uuid.uuid4().hex[:10]


@task
def makes():
    first = create_markdown_artifact("# Title", key=KEY, description="words")
    create_table_artifact([{"a": 1, "b": None}], key=KEY + "-table")
    create_table_artifact({"a": [1, 2]}, key=KEY + "-dict")
    create_link_artifact("https://example.com", key=KEY + "-link", link_text="here")
    progress = create_progress_artifact(10, key=KEY + "-progress")
    update_progress_artifact(progress, 50)
    return type(first).__name__


@flow
def main():
    fact("returns", makes())
    create_markdown_artifact("second", key=KEY)
    create_markdown_artifact("no key")
    trace("bad key", lambda: create_markdown_artifact("x", key="Not A Key"))
    trace("progress too far", lambda: create_progress_artifact(150))


final = main(return_state=True)
fact("state", final)
from prefect.client.schemas.filters import ArtifactFilter

with client() as api:
    found = api.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id={"any_": [run_id(final)]}))
fact(
    "recorded",
    sorted(
        [
            [
                each.key.replace(KEY, "<key>") if each.key else "",
                each.type,
                each.data,
                each.description,
                each.task_run_id is not None,
            ]
            for each in found
        ],
        key=str,
    ),
)
trace("get", lambda: [Artifact.get(KEY).data, Artifact.get(KEY + "-nope")])
trace("outside a run", lambda: type(create_markdown_artifact("x")).__name__)
