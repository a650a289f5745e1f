"""Processes of flow runs: starting, watching and ending them, and the runner that serves deployments with them.

`launch` starts and ends a process, `supervise` gives a run an outcome when its process could not. Workers use both.
This package must not know where the code of a flow comes from.
"""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.runner.runner import Runner as Runner  # pyright: ignore

__all__ = ["Runner"]

_EXPORTS = {"prefect.runner.runner": "Runner"}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
