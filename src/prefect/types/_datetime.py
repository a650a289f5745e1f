"""A path of the present time that integrations import; it is `prefect.types.now`."""

from prefect.types import now

__all__ = ["now"]
