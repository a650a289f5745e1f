"""The public path of labels; they live in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.labelling import LabelDiver as LabelDiver
    from prefect.schemas.labelling import Labelled as Labelled


_EXPORTS = {
    "prefect.schemas.labelling": "LabelDiver Labelled",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
