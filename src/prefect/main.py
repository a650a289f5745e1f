"""The names of `prefect` and a few more, at the path where older programs import them from."""

from typing import TYPE_CHECKING

import prefect
from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect import *  # noqa: F403
    from prefect.client.cloud import get_cloud_client

__all__ = ["get_cloud_client"]
__all__ += prefect.__all__

_EXPORTS = {"prefect": " ".join(prefect.__all__), "prefect.client.cloud": "get_cloud_client"}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
