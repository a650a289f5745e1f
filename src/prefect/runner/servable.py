"""The interface of a deployment that a runner serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.types.entrypoint import EntrypointType


class ServableDeployment(Protocol):
    """The interface of a served deployment: `prefect.deployments.runner.RunnerDeployment`."""

    name: str
    entrypoint: str | None
    storage: Any

    @property
    def full_name(self) -> str: ...
    @property
    def entrypoint_type(self) -> EntrypointType: ...
    async def aapply(self) -> UUID: ...
