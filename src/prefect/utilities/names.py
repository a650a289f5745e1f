"""Public path of random names and of masked secrets; see `prefect.types.slugs` and `prefect.values.masking`."""

from __future__ import annotations

from prefect.types.slugs import generate_slug
from prefect.values.masking import obfuscate, obfuscate_string

__all__ = ["IGNORE_LIST", "OBFUSCATED_PREFIX", "generate_slug", "obfuscate", "obfuscate_string"]

OBFUSCATED_PREFIX = "****"
IGNORE_LIST: set[str] = set()
"""Words that a slug must not have. It is empty: each word in `prefect.types.slugs` was chosen one by one."""
