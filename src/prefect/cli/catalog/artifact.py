"""`prefect artifact`: list, inspect and delete artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from prefect._lazy import lazy_from
from prefect.cli.core.command import flag, group, output_option, positional
from prefect.cli.core.formats import format_age
from prefect.cli.core.lookup import get_client, limit_option, read_all_pages
from prefect.cli.core.output import confirm, delete_confirmed, fail, print_fields, print_json, print_table

if TYPE_CHECKING:
    from prefect.schemas import filters, sorting
else:
    filters, sorting = lazy_from("prefect.schemas", "filters", "sorting")

command = group("artifact", "Manage artifacts.")


@command.command("ls")
@limit_option(100)
@flag("--all", "-a", "all_versions", help="List all versions of each key, and artifacts without a key.")
@output_option
def ls(limit: int, all_versions: bool, output: str | None) -> None:
    """List the latest artifact of each key, newest first."""
    api = get_client()

    def read(size: int, offset: int) -> list[Any]:
        page: dict[str, Any] = {"limit": size, "offset": offset}
        if all_versions:
            return [*api.read_artifacts(sort=sorting.ArtifactSort.CREATED_DESC, **page)]
        return [*api.read_latest_artifacts(sort=sorting.ArtifactCollectionSort.CREATED_DESC, **page)]

    found = read_all_pages(read, limit)
    if output:
        return print_json(found)
    print_table(
        ["ID", "Key", "Type", "Updated"],
        [
            [getattr(artifact, "latest_id", artifact.id), artifact.key, artifact.type, format_age(artifact.updated)]
            for artifact in found
        ],
    )


@command.command("inspect")
@positional("key", help="Pass the key of an artifact.")
@limit_option(10)
@output_option
def inspect(key: str, limit: int, output: str | None) -> None:
    """Show the versions of an artifact, newest first."""
    found = _read_versions(key, limit)
    if output:
        return print_json(found)
    for index, artifact in enumerate(found):
        if index:
            click.echo()
        print_fields(
            {
                "ID": artifact.id,
                "Key": artifact.key,
                "Type": artifact.type,
                "Description": artifact.description,
                "Flow run": artifact.flow_run_id,
                "Task run": artifact.task_run_id,
                "Created": format_age(artifact.created),
                "Updated": format_age(artifact.updated),
                "Data": artifact.data,
            }
        )


def _read_versions(key: str, limit: int | None = None) -> list[Any]:
    some = filters.ArtifactFilter(key=filters.ArtifactFilterKey(any_=[key]))
    newest = sorting.ArtifactSort.UPDATED_DESC
    found = read_all_pages(
        lambda size, offset: get_client().read_artifacts(artifact_filter=some, sort=newest, limit=size, offset=offset),
        limit,
    )
    if not found:
        fail(f"There is no artifact with the key {key!r}. `prefect artifact ls` lists them.")
    return found


@command.command("delete")
@positional("key", help="Pass the key of an artifact, or its id with --id.", required=False)
@click.option("--id", "artifact_id", type=click.UUID, help="Id of one version of the artifact.")
def delete(key: str | None, artifact_id: UUID | None) -> None:
    """Delete an artifact with all its versions, or one version by its id."""
    if (key is None) == (artifact_id is None):
        fail("Pass either a key or --id.")
    if artifact_id is not None:
        return delete_confirmed(f"artifact {artifact_id}", lambda: get_client().delete_artifact(artifact_id))
    assert key is not None
    found = _read_versions(key)
    confirm(f"Delete the artifact {key!r}?")
    for artifact in found:
        get_client().delete_artifact(artifact.id)
    click.echo(f"Deleted artifact {key!r}.")
