"""The former path of `prefect.plugins`."""

from prefect.plugins import register_hook

__all__ = ["register_hook"]
