"""Masking of secrets in text."""

from __future__ import annotations

from typing import Any

_MASKED_LENGTH = 8
_MAX_TAIL_LENGTH = 4
_MIN_HIDDEN_LENGTH = 10


def obfuscate(s: Any, show_tail: bool = False) -> str:
    """Return eight characters in place of a secret, which may be a pydantic one. See `obfuscate_string`."""
    reveal = getattr(s, "get_secret_value", None)
    value = reveal() if reveal is not None else s
    return obfuscate_string("" if value is None else str(value), show_tail=show_tail)


def obfuscate_string(s: str, show_tail: bool = False) -> str:
    """Return eight characters in place of a secret of any length.

    Args:
        show_tail: End with up to four of its last characters, provided that at least ten others stay hidden.
    """
    shown = min(_MAX_TAIL_LENGTH, len(s) - _MIN_HIDDEN_LENGTH)
    tail = s[-shown:] if show_tail and shown > 0 else ""
    return tail.rjust(_MASKED_LENGTH, "*")
