"""Generated parts of `docs/compatibility.md`: differences, and features that are not implemented yet.

`python -m tests.compat.page` replaces the text between the marks.
"""

import json
import re
from pathlib import Path

import click

from prefect import _later
from prefect.cli.core import app, registry
from tests.server.app.test_openapi import EXPLAINED

PAGE = Path(__file__).parent.parent.parent / "docs" / "compatibility.md"
DIFFERENCES = Path(__file__).parent / "differences.json"


def sections() -> dict[str, list[str]]:
    """Return the lines of each generated part by its mark."""
    return {
        "differences": _differences(),
        "document": _document(),
        "features": _features(),
        "commands": _commands(),
    }


def _differences() -> list[str]:
    """Return a line per reason, with its scenarios and facts."""
    facts: dict[tuple[str, str], list[str]] = {}
    for scenario, differing in json.loads(DIFFERENCES.read_text(encoding="utf-8")).items():
        for fact, difference in differing.items():
            facts.setdefault((scenario, difference["why"]), []).append(fact)
    return [f"- {why} (`{scenario}`: {', '.join(names)})" for (scenario, why), names in sorted(facts.items())]


def _document() -> list[str]:
    """Return a line per reason for a difference of the OpenAPI document, with its places."""
    places: dict[str, list[str]] = {}
    for (place, what), why in EXPLAINED.items():
        places.setdefault(why, []).append(f"`{place}` {what.rpartition('.')[2]}")
    return [f"- {why} ({', '.join(found)})" for why, found in places.items()]


def _features() -> list[str]:
    """Return a line per planned feature, with its modules."""
    lines: list[str] = []
    for feature, table in _later._TABLE:
        modules = re.findall(r"^\s*([\w.]+):", table, re.MULTILINE)
        # A package stands for its modules.
        named = [f"`prefect.{name}`" for name in modules if name.rpartition(".")[0] not in modules]
        lines.append(f"- {feature[0].upper()}{feature[1:]}: {', '.join(named)}")
    return lines


def _commands() -> list[str]:
    """Return a line with all planned commands, including those of implemented groups."""
    names = set(registry.PLANNED)
    for entry in registry.COMMANDS:
        group = app.root.get_command(click.Context(app.root), entry.name)
        names |= {f"{entry.name} {name}" for name in getattr(group, "planned", ())}
    return [", ".join(f"`prefect {name}`" for name in sorted(names)) + "."]


def render(page: str) -> str:
    """Return the page with all generated parts rewritten."""
    for mark, lines in sections().items():
        begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
        before, _, rest = page.partition(begin)
        assert rest, f"the page has no mark {begin!r}"
        page = before + begin + "\n".join(lines) + "\n" + end + rest.partition(end)[2]
    return page


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
