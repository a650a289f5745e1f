"""Warnings that point at the user's code."""

from __future__ import annotations

import sys
import warnings


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning that points at the calling line outside of this package."""
    depth = 2
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # the documented way to a caller
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("prefect."):
        frame = frame.f_back
        depth += 1
    warnings.warn(message, category, stacklevel=depth)
