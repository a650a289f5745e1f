"""The public path of the filters; they live in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exported_names, exports

if TYPE_CHECKING:
    from prefect.schemas.filters import *  # noqa: F403

from prefect.schemas.filters import EXPORTS

__getattr__, __dir__ = exports(__name__, EXPORTS)
__all__ = exported_names(EXPORTS)  # pyright: ignore[reportUnsupportedDunderAll]  # `import *` must find what is lazy
