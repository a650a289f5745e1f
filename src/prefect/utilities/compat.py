"""Differences between the supported Python versions."""

import importlib.metadata as importlib_metadata

__all__ = ["importlib_metadata"]
