"""Shortening text, and guessing which word was meant."""

from __future__ import annotations

from collections.abc import Iterable


def truncated_to(length: int, value: str | None) -> str:
    """A text of about `length` characters: its two ends, and between them how much was left out.

    A text that saying so would not make shorter is returned whole; None is an empty text.
    """
    if not value:
        return ""
    half = length // 2
    left_out = len(value) - 2 * half
    note = f"...{left_out} additional characters..."
    if len(note) >= left_out:
        return value
    return value[:half] + note + value[len(value) - half :]


def fuzzy_match_string(word: str, possibilities: Iterable[str], *, n: int = 1, cutoff: float = 0.6) -> str | None:
    """The possibility most like the word, or None if none is like it.

    Args:
        n: How many candidates to weigh.
        cutoff: How alike they must be, from 0 to 1.
    """
    import difflib

    matches = difflib.get_close_matches(word, possibilities, n=n, cutoff=cutoff)
    return matches[0] if matches else None
