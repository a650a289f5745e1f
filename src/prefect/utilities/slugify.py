"""Slugs: text for URLs and file names."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["slugify"]


def slugify(
    text: str,
    *,
    max_length: int = 0,
    separator: str = "-",
    lowercase: bool = True,
    regex_pattern: str | None = None,
    allow_unicode: bool = False,
    **unknown: object,
) -> str:
    """Convert a text to lowercase letters, digits and hyphens: "Café au lait!" becomes "cafe-au-lait".

    Args:
        max_length: The longest the result may be; 0 has no limit.
        separator: What stands in the place of everything else.
        lowercase: Whether to make capital letters small.
        regex_pattern: What is replaced, instead of all characters but letters and digits.
        allow_unicode: Keep letters that are not of ASCII.
    """
    if unknown:
        raise TypeError(f"slugify() has no option {sorted(unknown)[0]!r}")
    text = unicodedata.normalize("NFKC" if allow_unicode else "NFKD", text)
    if not allow_unicode:
        text = text.encode("ascii", "ignore").decode()
    if lowercase:
        text = text.lower()
    text = re.sub(r"(?<=\d),(?=\d)", "", text)  # the thousands of a number
    pattern = regex_pattern or (r"[\W_]+" if allow_unicode else r"[^a-zA-Z0-9]+")
    parts = [part for part in re.sub(pattern, "\0", text).replace("-", "\0").split("\0") if part]
    slug = separator.join(parts)
    return slug[:max_length].strip(separator) if max_length else slug
