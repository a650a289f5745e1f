"""Highlighters of console lines: levels, URLs, the names of runs, states.

A highlighter is a list of patterns whose named groups name the style of what they match. It can also be passed to
`rich.console.Console(highlighter=...)`: it works on rich's `Text` without importing rich.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from rich.text import Text

_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
_STATES = ["Scheduled", "Pending", "Running", "Completed", "Failed", "Cancelled", "Crashed", "Paused", "Cancelling"]
_URL_REST = r":\/\/[0-9a-zA-Z\$\-\_\+\!`\(\)\,\.\?\/\;\:\&\=\%\#]*)"


class RegexHighlighter:
    """Highlighter by regular expressions: each named group has the style `base_style` + the group's name."""

    highlights: ClassVar[list[Any]] = []
    base_style: ClassVar[str] = ""

    def __call__(self, text: str | Text) -> Text:
        """Return a copy of `text` as rich's `Text`, highlighted."""
        from rich.text import Text

        marked = Text(text) if isinstance(text, str) else text.copy()
        self.highlight(marked)
        return marked

    def highlight(self, text: Text) -> None:
        """Mark rich's `Text` in place."""
        for pattern in self.highlights:
            text.highlight_regex(pattern, style_prefix=self.base_style)


class LevelHighlighter(RegexHighlighter):
    """Highlighter of level names."""

    base_style = "level."
    highlights: ClassVar[list[str]] = [f"(?P<{level.lower()}_level>{level})" for level in _LEVELS]


class UrlHighlighter(RegexHighlighter):
    """Highlighter of URLs of the web and of local files."""

    base_style = "url."
    highlights: ClassVar[list[str]] = [
        r"(?P<web_url>(https|http|ws|wss)" + _URL_REST,
        r"(?P<local_url>(file)" + _URL_REST,
    ]


class NameHighlighter(RegexHighlighter):
    """Highlighter of the quoted names of flows, tasks and their runs."""

    base_style = "name."
    highlights: ClassVar[list[str]] = [
        rf"(?i)(?P<{kind.replace(' ', '_')}_name>(?<={kind}) \'(.*?)\')"
        for kind in ("flow run", "flow", "task run", "task")
    ]


class StateHighlighter(RegexHighlighter):
    """Highlighter of state names."""

    base_style = "state."
    highlights: ClassVar[list[str]] = [
        *(f"(?P<{state.lower()}_state>{state})" for state in _STATES),
        r"(?P<cached_state>Cached)(?=\(type=COMPLETED\))",
    ]


class PrefectConsoleHighlighter(RegexHighlighter):
    """The console's default highlighter: levels, URLs, names and states."""

    base_style = "log."
    highlights: ClassVar[list[str]] = [
        *LevelHighlighter.highlights,
        *UrlHighlighter.highlights,
        *NameHighlighter.highlights,
        *StateHighlighter.highlights,
    ]
