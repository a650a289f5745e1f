"""Import paths of the server's schemas that programs use. The schemas themselves are in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.server.schemas import core as core
    from prefect.server.schemas import responses as responses
    from prefect.server.schemas import schedules as schedules
    from prefect.server.schemas import states as states

_EXPORTS: dict[str, str] = {}

__getattr__, __dir__ = exports(__name__, _EXPORTS, submodules="core responses schedules states")
