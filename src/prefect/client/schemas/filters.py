"""The public path of the filters; they live in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.filters import *  # noqa: F403

from prefect.schemas.filters import NAMES

__getattr__, __dir__ = exports(__name__, NAMES)
__all__ = [*NAMES]  # pyright: ignore[reportUnsupportedDunderAll]  # `import *` must find what is lazy
