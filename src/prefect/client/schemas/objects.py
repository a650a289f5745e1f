"""The public path of what the API stores; it lives in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.objects import *  # noqa: F403

from prefect.schemas.objects import NAMES

__getattr__, __dir__ = exports(__name__, NAMES | {"ResultRecordMetadata": "prefect.results:ResultRecordMetadata"})
__all__ = [*NAMES]  # pyright: ignore[reportUnsupportedDunderAll]  # `import *` must find what is lazy
