"""Processes of flow runs, the runner that serves deployments with them, and where the code of flows comes from.

`launch` starts and ends a process, `supervise` gives a run an outcome when its process could not: workers use both.
`storage` copies code. Nothing here knows `prefect.yaml` or steps.
"""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.runner.runner import Runner as Runner  # pyright: ignore

__all__ = ["Runner"]

_EXPORTS = {"prefect.runner.runner": "Runner"}

__getattr__, __dir__ = exports(__name__, _EXPORTS, submodules="storage")
