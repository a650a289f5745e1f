"""Processes that run flow runs, and the places that their code comes from.

`storage` fetches code. Nothing here knows workers or `prefect.yaml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect._lazy import exports

if TYPE_CHECKING:
    Runner: Any

__all__ = ["Runner"]

_EXPORTS = {"prefect.runner.runner": "Runner"}

__getattr__, __dir__ = exports(__name__, _EXPORTS, submodules="storage")
