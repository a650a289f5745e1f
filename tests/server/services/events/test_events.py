"""Events: what is emitted, kept, found by filters and counted, on both databases."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from prefect.schemas.event_filters import EventFilter
from prefect.server import store
from prefect.server.db.interface import Database
from prefect.server.services.events import event_store
from prefect.server.services.events import querying as service
from prefect.server.services.runs.ingestion.journal_ingestion import apply_records
from prefect.settings import PREFECT_SERVER_SERVICES_EVENT_LOGGER_ENABLED, temporary_settings
from prefect.types import json_codec, new_id, now
from tests.server.journal_records import at
from tests.server.route_calls import assert_complete, call_route, find_events

Event = dict[str, Any]


def event(name: str = "happened", resource: str = "thing.1", seconds: float = 0, **more: Any) -> Event:
    """An event as somebody sends it."""
    occurred = at(seconds)
    return {
        "id": str(new_id()),
        "occurred": occurred.isoformat(),
        "event": name,
        "resource": {"prefect.resource.id": resource, **more.pop("labels", {})},
        "related": [
            {"prefect.resource.id": id_, "prefect.resource.role": role} for role, id_ in more.pop("related", ())
        ],
        **more,
    }


EVER = {"since": at(-1000).isoformat(), "until": at(1000).isoformat()}


async def found(api: httpx.AsyncClient, limit: int = 50, **criteria: Any) -> list[Event]:
    body = {"filter": {"occurred": EVER, "order": "ASC", **criteria}, "limit": limit}
    return (await call_route(api, "POST", "/events/filter", body))["events"]


async def send(api: httpx.AsyncClient, *events: Event, status: int = 204) -> Any:
    return await call_route(api, "POST", "/events", list(events), status)


# --- taking in -------------------------------------------------------------------------------------------------------


async def test_event_round_trips(api: httpx.AsyncClient) -> None:
    sent = event(
        labels={"prefect.resource.name": "Thing", "größe": "\u2028"},
        related=[("flow-run", f"prefect.flow-run.{uuid4()}"), ("tag", "prefect.tag.x")],
        payload={"a": [1, 2.5, None, {"b": str(uuid4())}], "wörter": "ü"},
        follows=str(uuid4()),
    )
    await send(api, sent)
    [kept] = await found(api)
    assert datetime.fromisoformat(kept.pop("occurred")) == at(0)
    assert at(0) < datetime.fromisoformat(kept.pop("received")) <= now()
    del sent["occurred"]
    assert kept == sent


async def test_repeated_event_is_stored_once(api: httpx.AsyncClient) -> None:
    one, other = event(), event(seconds=1)
    await send(api, one, one)
    await send(api, one, other)
    assert [kept["id"] for kept in await found(api)] == [one["id"], other["id"]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "x" * 1025},
        {"payload": {"a": "x" * 1_600_000}},
        {"resource": {"prefect.resource.name": "no id"}},
        {"resource": {"prefect.resource.id": "a", **{f"label-{number}": "" for number in range(500)}}},
        {"related": [{"prefect.resource.id": "no role"}]},
        {"related": [{"prefect.resource.id": "a", "prefect.resource.role": "b"}] * 101},
        {"id": None},
        {"occurred": None},
        {"payload": []},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_invalid_or_oversized_event_refuses_its_whole_request(api: httpx.AsyncClient, wrong: Event) -> None:
    await send(api, event(), {**event(), **wrong}, status=422)
    assert await found(api) == []


@pytest.mark.parametrize(
    "odd",
    [
        {"occurred": "0001-01-01T00:00:00Z"},
        {"occurred": "9999-12-31T23:59:59.999999Z"},
        {"payload": {"n": 10**30}},
        {"event": "a\x00b", "payload": {"\x00": "\x00"}},
        {"resource": {"prefect.resource.id": "prefect.flow-run.\x00"}},
    ],
    ids=lambda odd: next(iter(odd)),
)
async def test_unusual_events_are_stored_and_found(api: httpx.AsyncClient, odd: Event) -> None:
    await send(api, {**event(), **odd})
    always = {"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59.999999Z"}
    page = await call_route(api, "POST", "/events/filter", {"filter": {"occurred": always}})
    assert page["total"] == len(page["events"]) == 1


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_time_outside_the_calendar_is_refused(api: httpx.AsyncClient, time: str) -> None:
    await send(api, {**event(), "occurred": time}, status=422)
    await call_route(api, "POST", "/events/filter", {"filter": {"occurred": {"since": time, "until": time}}}, 422)
    body = {"filter": {"occurred": {"since": time}}, "time_interval": 7, "time_unit": "hour"}
    await call_route(api, "POST", "/events/count-by/{countable}", body, 422, countable="time")
    await call_route(
        api, "POST", "/events/count-by/{countable}", {**body, "time_interval": 1e300}, 422, countable="time"
    )


async def test_events_are_logged_when_the_setting_is_on(
    api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "prefect.server.events")
    await send(api, event("unseen"))
    with temporary_settings({PREFECT_SERVER_SERVICES_EVENT_LOGGER_ENABLED: True}):
        await send(api, event("seen"))
    assert "seen of thing.1" in caplog.text and "unseen" not in caplog.text


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("labels", [None, {"odd": "1"}], ids=["by SQL", "by labels"])
async def test_pages_hold_every_event_once_while_others_arrive(api: httpx.AsyncClient, order: str, labels: Any) -> None:
    sent = [event(seconds=number // 3, labels={"odd": str(number % 2)}) for number in range(20)]
    await send(api, *sent)
    criteria = {"occurred": EVER, "order": order, "resource": {"labels": labels} if labels else None}
    page = await call_route(api, "POST", "/events/filter", {"filter": criteria, "limit": 3})
    seen = list(page["events"])
    total = page["total"]
    assert total == (10 if labels else 20)
    await send(api, event(seconds=-5 if order == "ASC" else 500, labels={"odd": "1"}))
    while page["next_page"]:
        response = await api.get(page["next_page"])
        page = response.json()
        from prefect.schemas.wire.events import EventPage

        EventPage.model_validate(page)
        assert_complete(EventPage, page)
        assert page["total"] == total
        seen += page["events"]
    wanted = [each["id"] for each in sent if not labels or each["resource"]["odd"] == "1"]
    assert len(seen) == total and sorted(each["id"] for each in seen) == sorted(wanted)
    times = [each["occurred"] for each in seen]
    assert times == sorted(times, reverse=order == "DESC")


@pytest.mark.parametrize("token", ["abc", "", "bnVsbA==", "e30=", "W10=", "eyJmaWx0ZXIiOnt9fQ=="])
async def test_invalid_page_token_is_refused(api: httpx.AsyncClient, token: str) -> None:
    response = await api.get("/events/filter/next", params={"page-token": token})
    assert (response.status_code, response.json()) == (403, {"detail": "Forbidden"})


async def test_page_of_size_zero_has_the_total(api: httpx.AsyncClient) -> None:
    await send(api, event(), event())
    page = await call_route(api, "POST", "/events/filter", {"limit": 0, "filter": {"occurred": EVER}})
    assert page["events"] == [] and page["total"] == 2
    await call_route(api, "POST", "/events/filter", {"limit": 51}, 422)


async def test_filter_without_times_ends_now(api: httpx.AsyncClient) -> None:
    await send(api, {**event(), "occurred": (now() + timedelta(hours=1)).isoformat()})
    await send(api, {**event("lately"), "occurred": now().isoformat()})
    page = await call_route(api, "POST", "/events/filter", None)
    assert [each["event"] for each in page["events"]] == ["lately"]


# --- filters ---------------------------------------------------------------------------------------------------------

RUNS = [f"prefect.flow-run.{UUID(int=number)}" for number in (1, 2, 3)]
TASKS = [f"prefect.task-run.{UUID(int=number)}" for number in (11, 12)]
OTHERS = [f"prefect.deployment.{UUID(int=21)}", "prefect.tag.x", "thing.1", "thing", "prefect.flow-run.no-uuid"]
NAMES = [
    "prefect.flow-run.Running",
    "prefect.task-run.Running",
    "prefect.task-run.Failed",
    "prefect.task-run",
    "thing.x",
]
PREFIXES = [
    "",
    "prefect.",
    "prefect.task-run",
    "prefect.task-run.R",
    "prefect.flow",
    "thing",
    "PREFECT.",
    "%",
    "prefect_",
]
ID_PREFIXES = [*PREFIXES, "prefect.task-run.", "prefect.flow-run.0000", f"{RUNS[0]}", f"{RUNS[1]}x", "thing.", "."]
SPECIFIED = ["a", "b", "!a", "a*", "!b*", "*", RUNS[0], "prefect.flow-run.*", "!prefect.task-run.*", "thing*"]


def invented(chance: random.Random) -> list[Event]:
    """Events of every sort."""
    events: list[Event] = []
    for number in range(150):
        resource = chance.choice([*RUNS, *TASKS, *OTHERS])
        labels = {key: chance.choice("ab") for key in chance.sample(["color", "size"], chance.randint(0, 2))}
        ids = chance.sample([*RUNS, *TASKS, *OTHERS], chance.randint(0, 3))
        related = [(chance.choice(["flow-run", "tag", "thing"]), id_) for id_ in ids]
        follows = chance.choice([None, str(UUID(int=21))])
        events.append(
            event(chance.choice(NAMES), resource, number % 40, labels=labels, related=related, follows=follows)
        )
    return events


def some(chance: random.Random, values: list[str]) -> list[str]:
    return chance.sample(values, chance.randint(1, 2))


def maybe(chance: random.Random, **fields: Any) -> dict[str, Any]:
    """Some of the fields, each made when it is wanted."""
    return {name: make() for name, make in fields.items() if chance.random() < 0.4}


def criteria(chance: random.Random) -> dict[str, Any]:
    """A filter of any sort."""
    ids = [*RUNS, *TASKS, *OTHERS]

    def labels() -> Any:
        keys = some(chance, ["prefect.resource.id", "color", "size", "nothing"])
        return {key: chance.choice([some(chance, SPECIFIED), chance.choice(SPECIFIED)]) for key in keys}

    def resource() -> Any:
        return maybe(chance, id=lambda: some(chance, ids), id_prefix=lambda: some(chance, ID_PREFIXES), labels=labels)

    def related() -> Any:
        roles = ["flow-run", "tag", "other"]
        return maybe(
            chance,
            id=lambda: some(chance, ids),
            role=lambda: some(chance, roles),
            resources_in_roles=lambda: [(chance.choice(ids), chance.choice(roles))],
            labels=labels,
        )

    fields = ("prefix", "exclude_prefix", "name", "exclude_name")
    return maybe(
        chance,
        event=lambda: maybe(
            chance, **{name: lambda name=name: some(chance, PREFIXES if "prefix" in name else NAMES) for name in fields}
        ),
        resource=resource,
        related=lambda: chance.choice([related(), [related(), related()]]),
        any_resource=lambda: chance.choice([resource(), [resource(), resource()]]),
        text=lambda: {"query": chance.choice(["thing", "-thing color", '+"a" b', "RUNNING", "x y", ""])},
    )


@pytest.mark.parametrize("seed", range(4))
async def test_find_agrees_with_matches_filter(database: Database, seed: int) -> None:
    """SQL may only narrow: with it or without, the same events satisfy a filter, and as many are counted."""
    chance = random.Random(seed)
    stored = [
        {**each, "id": UUID(each["id"]), "occurred": datetime.fromisoformat(each["occurred"]), "received": now()}
        for each in invented(chance)
    ]
    for each in stored:
        each.setdefault("payload", {})
        each["follows"] = each["follows"] and UUID(each["follows"])
    await database.write(lambda tx: event_store.add_events(tx, stored))
    for _ in range(100):
        fields = criteria(chance)
        filter = EventFilter.model_validate(
            {"occurred": {"since": at(chance.randint(-5, 20)), "until": at(30)}, **fields}
        )
        wanted = sorted(str(each["id"]) for each in stored if service.matches_filter(each, filter))
        page = await database.read(lambda tx, filter=filter: service.find_first_page(tx, filter, 200))
        assert sorted(str(each["id"]) for each in page.events) == wanted, fields
        assert page.total == len(wanted), fields
        counts = await database.read(
            lambda tx, filter=filter: service.count_events_by(
                tx, filter, service.Countable.event, service.TimeUnit.day, 1
            )
        )
        assert sum(count["count"] for count in counts) == len(wanted), fields


async def test_distinct_filter_returns_one_event_a_resource(api: httpx.AsyncClient) -> None:
    sent = [event(resource=f"thing.{number % 3}", seconds=number) for number in range(9)]
    await send(api, *sent)
    assert [each["id"] for each in await found(api, resource={"distinct": True})] == [each["id"] for each in sent[:3]]
    page = await call_route(
        api,
        "POST",
        "/events/filter",
        {"filter": {"occurred": EVER, "resource": {"distinct": True}, "order": "DESC"}, "limit": 2},
    )
    assert page["total"] == 3
    latest = [*page["events"], *(await api.get(page["next_page"])).json()["events"]]
    assert [each["id"] for each in latest] == [each["id"] for each in reversed(sent[6:])]


async def test_text_filter_searches_the_whole_event(api: httpx.AsyncClient) -> None:
    named = {"prefect.resource.name": "Apple"}
    await send(api, event("one", labels=named), event("two", payload={"fruit": "apple pie"}), event("three"))

    async def names(query: str) -> set[str]:
        return {each["event"] for each in await found(api, text={"query": query})}

    assert await names("APPLE") == {"one", "two"}
    assert await names('"apple pie"') == {"two"}
    assert await names("apple -pie") == {"one"}
    assert await names("+apple fruit three") == {"two"}
    assert await names("one three") == {"one", "three"}
    assert await names("") == {"one", "two", "three"}


# --- counting --------------------------------------------------------------------------------------------------------


async def counts(api: httpx.AsyncClient, by: str, **more: Any) -> list[tuple[str, int]]:
    body = {"filter": {"occurred": more.pop("occurred", EVER), **more.pop("criteria", {})}, **more}
    return [
        (each["label"], each["count"])
        for each in await call_route(api, "POST", "/events/count-by/{countable}", body, countable=by)
    ]


@pytest.mark.parametrize("labels", [{}, {"labels": {"shown": "yes"}}], ids=["by SQL", "by labels"])
async def test_count_events_by_name_resource_and_time(api: httpx.AsyncClient, labels: Any) -> None:
    run = f"prefect.task-run.{uuid4()}"
    shown = {"shown": "yes"}
    await send(
        api,
        event("b", "thing.1", 0, labels=shown),
        event("a", "thing.1", 60, labels={**shown, "prefect.resource.name": "Thing"}),
        event("a", "thing.2", 60.5, labels=shown),
        event("prefect.task-run.Running", run, 199, labels={**shown, "prefect.resource.name": "load"}),
        event("prefect.task-run.Running", run, 199, labels={**shown, "prefect.resource.name": "load"}),
        event("out of time", seconds=2000),
    )
    fields = {"criteria": {"resource": labels}}
    assert await counts(api, "event", **fields) == [("a", 2), ("prefect.task-run.Running", 2), ("b", 1)]
    by_resource = await counts(api, "resource", **fields)
    assert by_resource == [("Thing", 2), ("load", 2), ("thing.2", 1)], "what it was called last"
    minutes = {"since": at(-30).isoformat(), "until": at(200).isoformat()}
    assert [count for _, count in await counts(api, "time", occurred=minutes, time_unit="minute", **fields)] == [
        *(0, 1, 2, 0, 2)
    ]
    [day] = await call_route(
        api,
        "POST",
        "/events/count-by/{countable}",
        {"filter": {"occurred": minutes, "resource": labels}},
        countable="day",
    )
    assert (day["label"], day["count"]) == ("2026-03-01T00:00:00+00:00", 5)
    assert (day["start_time"], day["end_time"]) == ("2026-03-01T00:00:00Z", "2026-03-01T23:59:59.999999Z")


async def test_count_with_too_many_buckets_is_refused(api: httpx.AsyncClient) -> None:
    body = {"filter": {}, "time_unit": "second"}
    refused = await call_route(api, "POST", "/events/count-by/{countable}", body, 422, countable="time")
    assert "would create" in refused["detail"]
    await call_route(
        api, "POST", "/events/count-by/{countable}", {**body, "time_interval": 0.001}, 422, countable="time"
    )
    await call_route(api, "POST", "/events/count-by/{countable}", body, 422, countable="color")


async def test_buckets_are_aligned_to_multiples_of_their_width(api: httpx.AsyncClient) -> None:
    moment = {"since": "2025-11-25T01:02:13Z", "until": "2025-11-25T01:02:20Z"}

    async def first(**more: Any) -> str:
        return (await counts(api, "time", occurred=moment, **more))[0][0]

    assert await first(time_unit="second", time_interval=2.5) == "2025-11-25T01:02:12.500000+00:00"
    assert await first(time_unit="minute") == "2025-11-25T01:02:00+00:00"
    assert await first(time_unit="day", time_interval=11) == "2025-11-25T00:00:00+00:00"
    assert await first(time_unit="week", time_interval=3) == "2025-11-24T00:00:00+00:00"
    backwards = {"since": moment["until"], "until": moment["since"]}
    assert await counts(api, "time", occurred=backwards, time_unit="hour") == []


async def test_events_of_a_journal_are_stored_once_and_bad_ones_kept_with_the_reason(
    api: httpx.AsyncClient, database: Database
) -> None:
    resource = {"prefect.resource.id": "shop.1"}
    event = {"kind": "event", "id": str(new_id()), "occurred": now().isoformat(), "event": "paid", "resource": resource}
    for _ in range(2):
        lines = [json_codec.dumps(one) for one in (event, {**event, "id": str(new_id()), "resource": {}})]
        await database.write(lambda tx, lines=lines: apply_records(tx, b"\n".join(lines)))
    (found,) = await find_events(api, "paid")
    assert (found["id"], found["resource"]) == (event["id"], resource)
    letters = await database.read(store.dead_letters.find)
    assert len(letters) == 2 and "prefect.resource.id" in letters[0]["reason"]
