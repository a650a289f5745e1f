"""ANSI colours without a rendering library: spans found by a highlighter become escape sequences.

A console line is written thousands of times a run; rendering it as rich text costs more than the task it reports. The
look is that of the same styles in rich, which is imported only for a style that is not in the short list here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TextIO

_ATTRIBUTES = {"bold": "1", "dim": "2", "italic": "3", "underline": "4", "blink": "5", "reverse": "7", "strike": "9"}
_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_COLORS = {
    **{name: str(30 + i) for i, name in enumerate(_NAMES)},
    **{f"bright_{name}": str(90 + i) for i, name in enumerate(_NAMES)},
}
# Colours of the 256: their code there, and the nearest of the 16.
_WIDE_COLORS = {"yellow3": ("38;5;184", "93"), "red3": ("38;5;160", "31")}
_RESET = "\x1b[0m"


def color_depth(stream: TextIO) -> int:
    """Return how many colours a stream shows: 0 for no styles at all, 1 for styles without colour, else 16 or 256.

    A terminal shows as many as `TERM` and `COLORTERM` say. `FORCE_COLOR` treats anything as a terminal, `NO_COLOR`
    leaves only attributes such as bold.
    """
    env = os.environ
    try:
        terminal = bool(env.get("FORCE_COLOR")) or stream.isatty()
    except (AttributeError, ValueError):  # not a file, or a closed one
        return 0
    term = env.get("TERM", "").strip().lower()
    if not terminal or term in ("dumb", "unknown"):
        return 0
    if env.get("NO_COLOR"):
        return 1
    if env.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit") or term.endswith(("-256color", "-kitty")):
        return 256
    return 16


def escape_sequence(style: str, depth: int) -> str:
    """Return the sequence that turns on a style such as `bold magenta`; empty for a style without effect."""
    codes: list[str] = []
    for word in style.split():
        if word in _ATTRIBUTES:
            codes.append(_ATTRIBUTES[word])
        elif word in _COLORS or word in _WIDE_COLORS:
            if depth > 1:
                codes.append(_COLORS.get(word) or _WIDE_COLORS[word][0 if depth == 256 else 1])
        else:
            return _escape_sequence_of_rich(style, depth)
    return f"\x1b[{';'.join(codes)}m" if codes else ""


def _escape_sequence_of_rich(style: str, depth: int) -> str:
    from rich.color import ColorSystem
    from rich.errors import StyleSyntaxError
    from rich.style import Style

    try:
        parsed = Style.parse(style)
    except StyleSyntaxError:
        return ""
    if depth == 1:
        parsed = parsed.without_color
    system = ColorSystem.EIGHT_BIT if depth == 256 else ColorSystem.STANDARD
    return parsed.render("|", color_system=system).partition("|")[0]


class Painter:
    """Marks the parts of a line that patterns match, each named group with the style of its name.

    Args:
        patterns: Regular expressions; later ones paint over earlier ones.
        prefix: What stands before a group's name in `styles`.
        styles: Styles by name. A group without one is not marked.
        depth: See `color_depth`.
    """

    def __init__(self, patterns: Sequence[Any], prefix: str, styles: Mapping[str, str], depth: int) -> None:
        self._rules: list[tuple[re.Pattern[str], list[tuple[str, str]]]] = []
        sequences = {name: escape_sequence(style, depth) for name, style in styles.items()}
        for pattern in patterns:
            source = pattern if isinstance(pattern, str) else pattern.pattern
            # Compiling is what costs here: only patterns that can show anything are compiled.
            named = [(name, sequences.get(prefix + name, "")) for name in re.findall(r"\(\?P<(\w+)>", source)]
            if visible := [(name, sequence) for name, sequence in named if sequence]:
                self._rules.append((re.compile(pattern), visible))

    def paint(self, text: str) -> str:
        """Return `text` with escape sequences around what is marked."""
        spans: list[tuple[int, int, str]] = []
        for pattern, groups in self._rules:
            for match in pattern.finditer(text):
                for name, sequence in groups:
                    start, end = match.span(name)
                    if start < end:
                        spans.append((start, end, sequence))
        return _render(text, spans) if spans else text


def _render(text: str, spans: list[tuple[int, int, str]]) -> str:
    edges = sorted({0, len(text), *(edge for span in spans for edge in span[:2])})
    pieces: list[str] = []
    for start, end in pairwise(edges):
        piece = text[start:end]
        sequence = next((s for left, right, s in reversed(spans) if left <= start and end <= right), "")
        pieces.append(f"{sequence}{piece}{_RESET}" if sequence else piece)
    return "".join(pieces)
