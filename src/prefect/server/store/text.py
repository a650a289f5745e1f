"""Searching text: words and "quoted phrases", of which one must occur; `+word` must, `-word` or `!word` must not."""

from __future__ import annotations

import re
from collections.abc import Sequence

from prefect.server.db.dialect import Dialect
from prefect.server.db.sql import TRUE, Sql, all_of, any_of

_TERM = re.compile(r'([+!-]?)(?:"([^"]*)"|(\S+))')


def compile_text_query(dialect: Dialect, columns: Sequence[str], query: str) -> Sql:
    """Return the condition that the columns together satisfy the query, ignoring case; an empty query always holds."""
    wanted: list[Sql] = []
    needed: list[Sql] = []
    for sign, term in _terms(query):
        found = any_of(dialect.contains(column, term) for column in columns)
        if sign == "+":
            needed.append(found)
        elif sign:
            needed.append(Sql(f"NOT ({found.text})", found.values))
        else:
            wanted.append(found)
    return all_of([*needed, any_of(wanted) if wanted else TRUE])


def matches_text_query(text: str, query: str) -> bool:
    """Return whether a text satisfies the query, as `compile_text_query` does for columns."""
    text = text.lower()
    wanted: list[bool] = []
    for sign, term in _terms(query):
        found = term.lower() in text
        if not sign:
            wanted.append(found)
        elif found is not (sign == "+"):
            return False
    return not wanted or any(wanted)


def _terms(query: str) -> list[tuple[str, str]]:
    """Return the signs and the words or phrases of a query."""
    return [(sign, phrase or word) for sign, phrase, word in _TERM.findall(query) if phrase or word]
