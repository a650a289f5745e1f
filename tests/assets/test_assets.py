"""Assets: what programs may name, and the events of what runs make and of what."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from prefect import allow_failure, flow, task
from prefect.assets import Asset, AssetProperties, add_asset_metadata, materialize
from prefect.context import AssetContext
from prefect.events.clients import AssertingEventsClient
from prefect.events.worker import EventsWorker
from prefect.tasks import MaterializingTask, Task

ORDERS = Asset(
    key="s3://shop/orders",
    properties=AssetProperties(name="Orders", description="All of them.", url="https://shop", owners=["me", "you"]),
)
LABELS = {
    "prefect.resource.id": "s3://shop/orders",
    "prefect.resource.name": "Orders",
    "prefect.asset.description": "All of them.",
    "prefect.asset.url": "https://shop",
    "prefect.asset.owners": '["me", "you"]',
}
REFERENCED = "prefect.asset.referenced"
SUCCEEDED = "prefect.asset.materialization.succeeded"
FAILED = "prefect.asset.materialization.failed"


class Events:
    """The events of assets that were emitted."""

    def read(self) -> list[Any]:
        EventsWorker.drain_all(5)
        events = [event for client in AssertingEventsClient.all for event in client.events]
        return [event for event in events if event.event.startswith("prefect.asset.")]

    def names(self) -> list[tuple[str, str]]:
        return [(event.event.rpartition(".")[2], event.resource.id) for event in self.read()]

    def sources(self, key: str) -> set[str]:
        """Return the assets that the materialization of another is related to."""
        (event,) = [event for event in self.read() if event.resource.id == key and "materialization" in event.event]
        return {related.id for related in event.related if related.role == "asset"}


@pytest.fixture
def events() -> Iterator[Events]:
    AssertingEventsClient.reset()
    EventsWorker.set_client_override(AssertingEventsClient)
    yield Events()
    EventsWorker.set_client_override(None)
    AssertingEventsClient.reset()


@materialize(ORDERS, by="dbt")
def make_orders() -> list[int]:
    add_asset_metadata(ORDERS, {"rows": 1, "kept": True})
    ORDERS.add_metadata({"rows": 2})
    return [1, 2]


@materialize("s3://shop/report", "s3://shop/summary")
def make_report(*parts: Any) -> list[int]:
    return [3]


@task
def pass_on(value: Any) -> list[Any]:
    return [value]


def test_materialize_makes_a_task_of_a_function():
    assert isinstance(make_orders, MaterializingTask) and isinstance(make_orders, Task)
    assert (make_orders.assets, make_orders.materialized_by, make_orders.name) == ([ORDERS], "dbt", "make_orders")
    other = make_orders.with_options(assets=["s3://other"], retries=1)
    assert (other.assets, other.materialized_by, other.retries) == ([Asset(key="s3://other")], "dbt", 1)
    assert make_orders.with_options(name="x").assets == [ORDERS]
    direct = MaterializingTask(lambda: 1, assets=["s3://direct"], materialized_by="hand")
    assert (direct.assets, direct.materialized_by) == ([Asset(key="s3://direct")], "hand")


@pytest.mark.parametrize("key", ["orders", "S3://x", "s3://a b", "s3://a#b", "s3://" + "x" * 508])
def test_invalid_key_is_refused(key):
    with pytest.raises(ValidationError):
        Asset(key=key)
    with pytest.raises(ValueError, match="key"):
        materialize(key)(lambda: 1)
    with pytest.raises(ValueError, match="key"):
        task(asset_deps=[key])(lambda: 1)


def test_materialize_needs_an_asset():
    with pytest.raises(TypeError, match="at least one asset"):
        materialize()


def test_asset_is_hashed_by_its_key_and_frozen():
    assert hash(ORDERS) == hash(Asset(key=ORDERS.key)) and repr(ORDERS) == "Asset(key='s3://shop/orders')"
    with pytest.raises(ValidationError):
        ORDERS.key = "s3://x"
    with pytest.raises(ValidationError, match="2500"):
        AssetProperties(description="x" * 2501)


def test_materialization_has_the_labels_the_metadata_and_the_run(events):
    @flow
    def main() -> Any:
        return make_orders(return_state=True)

    run_id = main().state_details.task_run_id
    (event,) = events.read()
    assert (event.event, dict(event.resource.root)) == (SUCCEEDED, LABELS)
    assert event.payload == {"rows": 2, "kept": True}
    roles = {related.role: related.id for related in event.related}
    assert roles["asset-materialized-by"] == "dbt" and roles["task-run"] == f"prefect.task-run.{run_id}"
    assert {"flow-run", "flow"} <= roles.keys()


def test_failed_run_emits_a_failure_and_a_cached_one_nothing(events):
    @materialize("s3://bad")
    def bad() -> None:
        raise ValueError("broke")

    @materialize("s3://kept", persist_result=True, cache_key_fn=lambda context, parameters: "key")
    def kept() -> int:
        return 1

    @flow
    def main() -> None:
        bad(return_state=True)
        kept()
        kept()

    main()
    assert events.names() == [("failed", "s3://bad"), ("succeeded", "s3://kept")]


def test_results_carry_assets_from_run_to_run(events):
    @flow
    def main() -> None:
        make_report(pass_on(make_orders()))

    main()
    assert events.names() == [
        ("succeeded", "s3://shop/orders"),
        ("referenced", "s3://shop/orders"),
        ("succeeded", "s3://shop/report"),
        ("succeeded", "s3://shop/summary"),
    ]
    assert events.sources("s3://shop/report") == events.sources("s3://shop/summary") == {"s3://shop/orders"}


@pytest.mark.parametrize("how", ["future", "wait_for", "map", "state"])
def test_futures_and_states_carry_assets(how, events):
    @flow
    def main() -> None:
        if how == "state":
            make_report(allow_failure(make_orders(return_state=True)))
            return
        made = make_orders.submit()
        if how == "map":
            make_report.map([made]).wait()
        elif how == "wait_for":
            make_report.submit(wait_for=[made]).wait()
        else:
            make_report.submit(made).wait()

    main()
    assert events.sources("s3://shop/report") == {"s3://shop/orders"}


def test_declared_dependencies_are_sources(events):
    @task(asset_deps=["s3://raw"])
    def read() -> list[int]:
        return [1]

    @materialize("s3://made", asset_deps=[ORDERS])
    def make(values: Any) -> None: ...

    @flow
    def main() -> None:
        make(read())

    main()
    assert events.sources("s3://made") == {"s3://raw", "s3://shop/orders"}
    assert [name for name in events.names() if name[0] == "referenced"] == [
        ("referenced", "s3://raw"),
        ("referenced", "s3://shop/orders"),
    ]


def test_retry_reports_the_metadata_of_its_last_attempt(events):
    attempts: list[int] = []

    @materialize("s3://retried", retries=1)
    def retried() -> None:
        attempts.append(1)
        add_asset_metadata("s3://retried", {f"attempt {len(attempts)}": True})
        if len(attempts) == 1:
            raise ValueError("broke")

    flow(lambda: retried())()
    (event,) = events.read()
    assert event.payload == {"attempt 2": True}


def test_task_inside_of_a_materializing_one_adds_to_its_metadata(events):
    @task
    def inner() -> None:
        add_asset_metadata("s3://outer", {"rows": 1})

    @materialize("s3://outer")
    def outer() -> None:
        inner()

    outer()
    (event,) = events.read()
    assert event.payload == {"rows": 1}


def test_metadata_is_refused_outside_and_for_other_assets(events):
    with pytest.raises(RuntimeError, match="not inside of an AssetContext"):
        add_asset_metadata(ORDERS, {})

    @materialize("s3://mine")
    def mine() -> None:
        add_asset_metadata("s3://other", {})

    with pytest.raises(ValueError, match="arguments to @materialize, and 's3://other' is not"):
        mine()


def test_metadata_that_is_too_large_fails_no_run(events, caplog, monkeypatch):
    @materialize("s3://large")
    def large() -> int:
        assert AssetContext.get() is not None
        add_asset_metadata("s3://large", {"x": "x" * 2_000_000})
        return 1

    assert large() == 1
    assert "metadata" in caplog.text and "s3://large" in caplog.text


async def test_async_task_makes_assets(events):
    @materialize("s3://async")
    async def make() -> None:
        add_asset_metadata("s3://async", {"a": 1})

    @flow
    async def main() -> None:
        await make()

    await main()
    (event,) = events.read()
    assert (event.event, event.payload) == (SUCCEEDED, {"a": 1})
