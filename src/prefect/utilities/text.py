"""Truncate text, and find similar words."""

from __future__ import annotations

from collections.abc import Iterable


def truncated_to(length: int, value: str | None) -> str:
    """Truncate a text in the middle to about `length` characters, with the number of characters left out.

    A text that would not become shorter is returned whole; None becomes an empty text.
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
    """Return the most similar of some words, or None if none is similar.

    Args:
        n: How many candidates to weigh.
        cutoff: How alike they must be, from 0 to 1.
    """
    import difflib

    matches = difflib.get_close_matches(word, possibilities, n=n, cutoff=cutoff)
    return matches[0] if matches else None
