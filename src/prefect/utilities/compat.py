"""What differs between the Python versions that are supported."""

import importlib.metadata as importlib_metadata

__all__ = ["importlib_metadata"]
