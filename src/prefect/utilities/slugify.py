"""Slugs: text for URLs and file names."""

from prefect.types.names import slugify

__all__ = ["slugify"]
