"""Regular expressions that match in linear time, so that no pattern of a user can block the server.

Python's can take a lifetime for forty characters, and hold up the whole server meanwhile. Those of pydantic, which are
Rust's, cannot. They have no lookaround and no backreferences.
"""

from __future__ import annotations

from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_PATTERN_LENGTH = 1000
"""The longest pattern that is taken: longer ones take long to compile."""


@lru_cache(256)
def compile_pattern(pattern: str, ignore_case: bool = False) -> SchemaValidator:
    """Return what finds a pattern in a text, as `isinstance_python`.

    Raises:
        ValueError: It is too long, or no pattern of this kind; the text says why.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise ValueError(f"it has {len(pattern)} characters, more than {MAX_PATTERN_LENGTH}")
    try:
        return SchemaValidator(core_schema.str_schema(pattern=f"(?i){pattern}" if ignore_case else pattern))
    except SchemaError as error:
        raise ValueError(str(error).rpartition("error: ")[2].strip()) from None


def is_match(pattern: str, text: str, ignore_case: bool = False) -> bool:
    """Return whether a pattern occurs in a text; raise `ValueError` for an invalid pattern."""
    return compile_pattern(pattern, ignore_case).isinstance_python(text)
