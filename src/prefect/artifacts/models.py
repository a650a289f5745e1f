"""Artifact classes: `create` records an artifact, `get` finds one by key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

from prefect import artifacts
from prefect._io import class_twin, twin
from prefect._lazy import lazy, lazy_from
from prefect.schemas.actions.objects import ArtifactCreate
from prefect.types import now

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas import filters, records, sorting
else:
    filters, records, sorting = lazy_from("prefect.schemas", "filters", "records", "sorting")
    orchestration = lazy("prefect.client.orchestration")


class Artifact(ArtifactCreate):
    """An artifact of a run.

    Attributes:
        type: Type, for example `"table"`.
        key: Key shared by all versions: lowercase letters, digits and dashes.
        description: Description in Markdown.
        data: Content; `format` returns its stored form.
    """

    async def acreate(self, client: PrefectClient | None = None) -> records.Artifact:
        """Create this artifact for the current run.

        Args:
            client: Client to send it with, instead of the journal.
        """
        fields: dict[str, Any] = {
            "type": self.type,
            "key": self.key,
            "description": self.description,
            "data": await self.aformat(),
            "metadata_": self.metadata_,
            **{name: getattr(self, name) or id_ for name, id_ in artifacts.get_run_ids().items()},
        }
        if client is not None:
            artifacts.warn_outside_of_runs(fields)
            created = await client.create_artifact(ArtifactCreate(**fields))
            artifacts.emit_created(created.id, fields)
            return created
        id_, at = artifacts.record_artifact(**fields), now()
        return records.Artifact(id=id_, created=at, updated=at, **fields)

    create = twin(acreate)

    @classmethod
    async def aget(cls, key: str | None = None, client: PrefectClient | None = None) -> records.Artifact | None:
        """Return the latest artifact with this key, or None; without a key, the latest that has none."""
        key_filter: dict[str, Any] = {"exists_": False} if key is None else {"any_": [key]}
        found = await (client or orchestration.get_client()).read_artifacts(
            artifact_filter=filters.ArtifactFilter(key=filters.ArtifactFilterKey(**key_filter)),
            sort=sorting.ArtifactSort.UPDATED_DESC,
            limit=1,
        )
        return found[0] if found else None

    @classmethod
    async def aget_or_create(
        cls,
        key: str | None = None,
        description: str | None = None,
        data: Any = None,
        client: PrefectClient | None = None,
        **kwargs: Any,
    ) -> tuple[records.Artifact, bool]:
        """Return the latest artifact with this key, creating it if there is none, and whether it was created."""
        found = await cls.aget(key, client)
        if found is not None:
            return found, False
        artifact: Self = cls(key=key, description=description, **({} if data is None else {"data": data}), **kwargs)
        return await artifact.acreate(client), True

    async def aformat(self) -> str | float | int | dict[str, Any]:
        """Return the stored form of the content."""
        return json.dumps(self.data)

    get = class_twin(aget)
    get_or_create = class_twin(aget_or_create)
    format = twin(aformat)


class LinkArtifact(Artifact):
    """A link artifact."""

    link: str
    link_text: str | None = None
    type: str | None = "markdown"

    async def aformat(self) -> str:
        return artifacts.format_link(self.link, self.link_text)

    format = twin(aformat)


class MarkdownArtifact(Artifact):
    """A Markdown artifact."""

    markdown: str
    type: str | None = "markdown"

    async def aformat(self) -> str:
        return self.markdown

    format = twin(aformat)


class TableArtifact(Artifact):
    """A table artifact: rows as dictionaries or lists, or columns as a dictionary of lists."""

    table: dict[str, list[Any]] | list[dict[str, Any]] | list[list[Any]]
    type: str | None = "table"

    async def aformat(self) -> str:
        return artifacts.format_table(self.table)

    format = twin(aformat)


class ProgressArtifact(Artifact):
    """A progress artifact, a percentage from 0 to 100."""

    progress: float
    type: str | None = "progress"

    async def aformat(self) -> float:
        return artifacts.clamp_progress(self.progress)

    format = twin(aformat)


class ImageArtifact(Artifact):
    """An image artifact, a public URL."""

    image_url: str
    type: str | None = "image"

    async def aformat(self) -> str:
        return self.image_url

    format = twin(aformat)
