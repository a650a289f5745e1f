"""The public path of what the API stores; it lives in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exported_names, exports

if TYPE_CHECKING:
    from prefect.schemas.objects import *  # noqa: F403

from prefect.schemas.objects import EXPORTS

__getattr__, __dir__ = exports(__name__, {**EXPORTS, "prefect.results": "ResultRecordMetadata"})
__all__ = exported_names(EXPORTS)  # pyright: ignore[reportUnsupportedDunderAll]  # `import *` must find what is lazy
