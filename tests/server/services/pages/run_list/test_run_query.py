"""The query language for runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.pages.run_list.run_query import parse_duration, parse_query
from prefect.server.store.queries.run_search import Term
from prefect.types import UTC

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
ID = "0194f6c2-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("state:failed,crashed", (Term("state", ("failed", "crashed")),)),
        ("flow:nightly", (Term("flow", ("nightly",)),)),
        ('flow:"nightly etl"', (Term("flow", ("nightly etl",), exact=True),)),
        (f"flow:{ID}", (Term("flow", (UUID(ID),)),)),
        ("-tag:old", (Term("tag", ("old",), negated=True),)),
        ("duration:>5m", (Term("duration", (timedelta(minutes=5),), operator=">"),)),
        ("duration:<1h30m", (Term("duration", (timedelta(minutes=90),), operator="<"),)),
        ("since:24h", (Term("since", (AT - timedelta(days=1),)),)),
        ("since:yesterday", (Term("since", (datetime(2026, 11, 28, tzinfo=UTC),)),)),
        ("since:2026-11-02", (Term("since", (datetime(2026, 11, 2, tzinfo=UTC),)),)),
        ('error:"time out"', (Term("error", ("time out",)),)),
        ("param.batch:8", (Term("param", (('"batch"', "8"),)),)),
        ("subflow:no", (Term("subflow", (False,)),)),
        ('flow:"a, b",c', (Term("flow", ("a, b", "c"), exact=True),)),
        ("State:Failed", (Term("state", ("Failed",)),)),
        ("state:mine", (Term("state", ("mine",)),)),
        ('state:"Faild"', (Term("state", ("Faild",)),)),
        ('"AND" "state=failed"', (Term("word", ("AND",)), Term("word", ("state=failed",)))),
        ("s3=on", (Term("word", ("s3=on",)),)),
        ('"a:b"', (Term("word", ("a:b",)),)),
        ('otter "big one"', (Term("word", ("otter",)), Term("word", ("big one",)))),
    ],
)
def test_query_is_parsed(text: str, terms: tuple[Term, ...]) -> None:
    assert parse_query(text, "flow_run", AT) == terms


@pytest.mark.parametrize(
    ("text", "table", "words"),
    [
        ("colour:red", "flow_run", "no field 'colour'"),
        ("stat:failed", "flow_run", "did you mean state:"),
        ("status:failed", "flow_run", "did you mean state:"),
        ("state:faild", "flow_run", "did you mean state:failed"),
        ("state:", "flow_run", "state: has no value"),
        ("state: failed", "flow_run", "state: has no value"),
        ('error:"time out', "flow_run", 'The quote in "time out is not closed'),
        ("pool:local", "task_run", "Queries of task runs have no field 'pool'"),
        ("duration:soon", "flow_run", "'soon' is no duration"),
        ("since:lately", "flow_run", "'lately' is no time"),
        ("since:999999999w", "flow_run", "is no time"),
        ("subflow:maybe", "flow_run", "subflow:maybe"),
        ("state:failed AND flow:etl", "flow_run", "AND is not an operator: .* leave it out"),
        ("state:failed OR state:crashed", "flow_run", "state:failed,crashed"),
        ("NOT tag:old", "flow_run", "-tag:old"),
        ("state=failed", "flow_run", "did you mean state:failed"),
        ("duration>5m", "flow_run", "did you mean duration:>5m"),
        ("duration>=5m", "flow_run", "did you mean duration:>=5m"),
        ("param:8", "flow_run", "param.batch:8"),
    ],
)
def test_invalid_query_is_refused_with_what_to_write(text: str, table: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        parse_query(text, table, AT)


def test_duration_adds_its_parts() -> None:
    assert parse_duration("1d2h3m4s5ms") == timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5)
