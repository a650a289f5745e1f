"""Assets of task runs and their sources: noted when a run is created, emitted as events when it has ended."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from uuid import UUID

from prefect._context_model import ContextModel
from prefect.assets.core import Asset, as_asset, current_assets
from prefect.context import EngineContext
from prefect.events.utilities import emit_event
from prefect.exceptions import EventTooLarge
from prefect.schemas.states import State

if TYPE_CHECKING:
    from typing import Self

__all__ = ["AssetContext", "track_assets"]

logger = logging.getLogger("prefect.assets")

CACHED = "Cached"
"""The name of the state of a run that made nothing, because its result was there."""


class AssetTask(Protocol):
    """A task, as lineage sees it."""

    @property
    def assets(self) -> list[Asset]: ...
    @property
    def asset_deps(self) -> list[Asset]: ...
    @property
    def materialized_by(self) -> str | None: ...


class AssetContext(ContextModel):
    """The assets of a task run, current while its body runs.

    Attributes:
        direct_asset_dependencies: The assets that the task declares to depend on.
        upstream_assets: Those that the runs made whose results it got.
        downstream_assets: Those that it makes.
        materialized_by: The tool that makes them.
        task_run_id: The run.
        materialization_metadata: What it reports about its assets, by key.
        copy_to_child_ctx: Not used: a task inside of the run adds to the run's metadata.
    """

    direct_asset_dependencies: set[Asset]
    upstream_assets: set[Asset]
    downstream_assets: set[Asset]
    materialized_by: str | None
    task_run_id: UUID | None
    materialization_metadata: dict[str, dict[str, Any]]
    copy_to_child_ctx: bool

    _var = current_assets
    _defaults: ClassVar[dict[str, Any]] = {
        "direct_asset_dependencies": set,
        "upstream_assets": set,
        "downstream_assets": set,
        "materialized_by": None,
        "task_run_id": None,
        "materialization_metadata": dict,
        "copy_to_child_ctx": False,
    }

    @classmethod
    def from_task_and_inputs(
        cls,
        task: AssetTask,
        task_run_id: UUID,
        task_inputs: Mapping[str, Iterable[Any]] | None = None,
        copy_to_child_ctx: bool = False,
    ) -> Self:
        """Return the context of a run.

        Args:
            task: The task.
            task_run_id: The run.
            task_inputs: The runs that it depends on by parameter, each with an `id`.
            copy_to_child_ctx: See the attribute.
        """
        flow = EngineContext.get()
        made: dict[UUID, set[Asset]] = flow.task_run_assets if flow is not None else {}
        inputs = [each for name, found in (task_inputs or {}).items() if name != "__parents__" for each in found]
        ids = [each["id"] if isinstance(each, Mapping) else getattr(each, "id", None) for each in inputs]
        return cls(
            direct_asset_dependencies=set(task.asset_deps),
            upstream_assets={asset for id_ in ids if id_ is not None for asset in made.get(id_, ())},
            downstream_assets=set(task.assets),
            materialized_by=task.materialized_by,
            task_run_id=task_run_id,
            copy_to_child_ctx=copy_to_child_ctx,
        )

    def update_tracked_assets(self) -> None:
        """Record what users of this run's result depend on: the assets that it makes, else those that it depends on."""
        flow = EngineContext.get()
        if flow is not None and self.task_run_id is not None:
            passed_on = self.downstream_assets or self.direct_asset_dependencies | self.upstream_assets
            if passed_on:
                flow.task_run_assets[self.task_run_id] = passed_on

    def add_asset_metadata(self, asset_key: str, metadata: dict[str, Any]) -> None:
        """Add to what the run reports about one of its assets.

        Raises:
            ValueError: The run does not make this asset.
        """
        if asset_key not in {asset.key for asset in self.downstream_assets}:
            raise ValueError(
                f"Can only add metadata to assets that are arguments to @materialize, and {asset_key!r} is not."
            )
        self.materialization_metadata.setdefault(asset_key, {}).update(metadata)

    def emit_events(self, state: State[Any]) -> None:
        """Emit what a run that has ended made, and of what; nothing for a run that made nothing."""
        if not self.downstream_assets or state.name == CACHED:
            return
        if state.is_completed():
            outcome = "succeeded"
        elif state.is_failed():
            outcome = "failed"
        else:
            return
        sources = _sort_unique([*self.direct_asset_dependencies, *self.upstream_assets])
        for asset in sources:
            _emit("prefect.asset.referenced", resource=self.asset_as_resource(asset))
        related = [self.asset_as_related(asset) for asset in sources]
        if self.materialized_by:
            related.append(self.related_materialized_by(self.materialized_by))
        for asset in _sort_unique(self.downstream_assets):
            _emit(
                f"prefect.asset.materialization.{outcome}",
                resource=self.asset_as_resource(asset),
                related=related,
                payload=self.materialization_metadata.get(asset.key),
            )

    @staticmethod
    def asset_as_resource(asset: Asset) -> dict[str, str]:
        """Return the labels of an asset as the resource of an event."""
        labels = {"prefect.resource.id": asset.key}
        properties = asset.properties
        if properties is None:
            return labels
        described = {
            "prefect.resource.name": properties.name,
            "prefect.asset.description": properties.description,
            "prefect.asset.url": properties.url,
            "prefect.asset.owners": None if properties.owners is None else json.dumps(properties.owners),
        }
        return labels | {label: value for label, value in described.items() if value is not None}

    @staticmethod
    def asset_as_related(asset: Asset) -> dict[str, str]:
        """Return the labels of an asset as a resource that an event relates to."""
        return {"prefect.resource.id": asset.key, "prefect.resource.role": "asset"}

    @staticmethod
    def related_materialized_by(by: str) -> dict[str, str]:
        """Return the labels of the tool that makes an asset."""
        return {"prefect.resource.id": by, "prefect.resource.role": "asset-materialized-by"}


def track_assets(task: AssetTask, run_id: UUID, inputs: Mapping[str, Iterable[Any]]) -> AssetContext:
    """Return the context of a run that is created, and have the runs after it depend on its assets."""
    context = AssetContext.from_task_and_inputs(task, run_id, inputs)
    context.update_tracked_assets()
    return context


def _sort_unique(assets: Iterable[Asset]) -> list[Asset]:
    """Return assets by key, each once: the one with properties, if there are several."""
    found: dict[str, Asset] = {}
    for asset in map(as_asset, assets):
        if asset.key not in found or found[asset.key].properties is None:
            found[asset.key] = asset
    return [found[key] for key in sorted(found)]


def _emit(event: str, **details: Any) -> None:
    try:
        emit_event(event, **details)
    except EventTooLarge as error:  # a run does not fail because of what it reports
        logger.warning("The metadata of the asset %r is not recorded. %s", details["resource"], error)
