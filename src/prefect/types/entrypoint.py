"""Public path of the kinds of entrypoints; see `prefect._entrypoint_type`."""

from __future__ import annotations

from prefect._entrypoint_type import EntrypointType

__all__ = ["EntrypointType"]
