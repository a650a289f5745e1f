"""The client's methods for variables, limits, blocks, automations and events, each called at least once."""

import datetime
from uuid import UUID, uuid4

from _calls import play
from pydantic import SecretStr

from prefect import flow, task
from prefect import states as ST
from prefect.client.schemas import actions as A
from prefect.client.schemas import filters as F
from prefect.client.schemas import objects as O
from prefect.client.schemas import sorting as S

LATER = datetime.datetime(2031, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
from prefect.events.actions import DoNothing, RunDeployment
from prefect.events.filters import AutomationFilter, AutomationFilterName, EventFilter, EventNameFilter
from prefect.events.schemas.automations import AutomationCore, CompoundTrigger, EventTrigger, Posture


@flow
def etl():
    pass


@task
def add():
    pass


async def a_task_run(c):
    c.run = await c.create_flow_run(etl)
    c.tr = await c.create_task_run(add, c.run.id, "0")


async def variables(c):
    var = await c.create_variable(A.VariableCreate(name=f"v_{c.u}", value={"a": 1}, tags=["t"]))
    await c.create_variable(A.VariableCreate(name=f"v_{c.u}", value=2))
    await c.read_variable_by_name(f"v_{c.u}")
    await c.read_variable_by_name("nope")
    await c.read_variables(limit=1)
    await c.update_variable(A.VariableUpdate(name=f"v_{c.u}", value=5))
    await c.update_variable(A.VariableUpdate(name="nope", value=5))
    await c.delete_variable_by_name(f"v_{c.u}")
    await c.delete_variable_by_name(f"v_{c.u}")


async def limits_of_tags(c):
    await c.read_concurrency_limit_by_tag("no tag")
    await c.create_concurrency_limit(f"tag-{c.u}", 2)
    await c.read_concurrency_limit_by_tag(f"tag-{c.u}")
    await c.read_concurrency_limits(200, 0)
    await c.increment_v1_concurrency_slots([f"tag-{c.u}"], c.tr.id)
    await c.decrement_v1_concurrency_slots([f"tag-{c.u}"], c.tr.id, 1.5)
    await c.reset_concurrency_limit_by_tag(f"tag-{c.u}")
    await c.reset_concurrency_limit_by_tag(f"tag-{c.u}", slot_override=[str(c.tr.id)])
    await c.reset_concurrency_limit_by_tag("nope")
    await c.reset_concurrency_limit_by_tag(f"tag-{c.u}", [c.tr.id])
    await c.delete_concurrency_limit_by_tag(f"tag-{c.u}")
    await c.delete_concurrency_limit_by_tag(f"tag-{c.u}")


async def limits(c):
    g = await c.create_global_concurrency_limit(A.GlobalConcurrencyLimitCreate(name=f"g-{c.u}", limit=2))
    await c.create_global_concurrency_limit(A.GlobalConcurrencyLimitCreate(name=f"g-{c.u}", limit=2))
    await c.update_global_concurrency_limit(f"g-{c.u}", A.GlobalConcurrencyLimitUpdate(limit=3))
    await c.update_global_concurrency_limit("nope", A.GlobalConcurrencyLimitUpdate(limit=3))
    await c.read_global_concurrency_limit_by_name(f"g-{c.u}")
    await c.read_global_concurrency_limit_by_name("nope")
    await c.read_global_concurrency_limits(limit=1)
    await c.upsert_global_concurrency_limit_by_name(f"g-{c.u}", 4)
    await c.upsert_global_concurrency_limit_by_name(f"h-{c.u}", 4, 0.5)
    await c.increment_concurrency_slots([f"g-{c.u}"], 1, "concurrency")
    await c.increment_concurrency_slots([f"g-{c.u}"], 10, "concurrency")
    await c.increment_concurrency_slots([f"g-{c.u}"], 4, "concurrency")
    await c.increment_concurrency_slots([f"h-{c.u}"], 1, "rate_limit")
    await c.release_concurrency_slots([f"g-{c.u}"], 1, 1.25)
    lease = await c.increment_concurrency_slots_with_lease([f"g-{c.u}"], 1, "concurrency", 60.0)
    holder = O.ConcurrencyLeaseHolder(type="flow_run", id=c.run.id)
    await c.increment_concurrency_slots_with_lease([f"g-{c.u}"], 1, "concurrency", 60.0, holder)
    lid = UUID(lease.json()["lease_id"])
    await c.renew_concurrency_lease(lid, 70.0)
    await c.renew_concurrency_lease(uuid4(), 70.0)
    await c.release_concurrency_slots_with_lease(lid)
    await c.release_concurrency_slots_with_lease(lid)
    await c.delete_global_concurrency_limit_by_name(f"g-{c.u}")
    await c.delete_global_concurrency_limit_by_name("nope")


async def block_types_and_schemas(c):
    c.bt = await c.create_block_type(A.BlockTypeCreate(name=f"BT {c.u}", slug=f"bt-{c.u}", description="d"))
    await c.create_block_type(A.BlockTypeCreate(name=f"BT {c.u}", slug=f"bt-{c.u}"))
    await c.read_block_type_by_slug(f"bt-{c.u}")
    await c.read_block_type_by_slug("nope")
    await c.update_block_type(c.bt.id, A.BlockTypeUpdate(description="e"))
    await c.update_block_type(uuid4(), A.BlockTypeUpdate(description="e"))
    await c.get_most_recent_block_schema_for_block_type(c.bt.id)
    c.bs = await c.create_block_schema(
        A.BlockSchemaCreate(
            fields={
                "title": "x",
                "type": "object",
                "properties": {"p": {"type": "string", "format": "password"}},
                "secret_fields": ["p"],
                "block_schema_references": {},
            },
            block_type_id=c.bt.id,
            capabilities=["c"],
        )
    )
    await c.create_block_schema(
        A.BlockSchemaCreate(
            fields={
                "title": "x",
                "type": "object",
                "properties": {"p": {"type": "string", "format": "password"}},
                "secret_fields": ["p"],
                "block_schema_references": {},
            },
            block_type_id=c.bt.id,
            capabilities=["c"],
        )
    )
    await c.get_most_recent_block_schema_for_block_type(c.bt.id)
    await c.read_block_schema_by_checksum(c.bs.checksum)
    await c.read_block_schema_by_checksum(c.bs.checksum, version="non-versioned")
    await c.read_block_schema_by_checksum("sha256:nope")
    await c.read_block_schemas()


async def block_documents(c):
    c.bd = await c.create_block_document(
        A.BlockDocumentCreate(
            name=f"bd-{c.u}", data={"p": SecretStr("secret!")}, block_schema_id=c.bs.id, block_type_id=c.bt.id
        )
    )
    await c.create_block_document(
        A.BlockDocumentCreate(name=f"bd-{c.u}", data={"p": "s"}, block_schema_id=c.bs.id, block_type_id=c.bt.id)
    )
    await c.create_block_document(
        A.BlockDocumentCreate(
            name=f"be-{c.u}", data={"p": SecretStr("s")}, block_schema_id=c.bs.id, block_type_id=c.bt.id
        ),
        include_secrets=False,
    )
    await c.create_block_document(
        O.BlockDocument(name=f"bf-{c.u}", data={"p": SecretStr("s")}, block_schema_id=c.bs.id, block_type_id=c.bt.id)
    )
    await c.read_block_document(c.bd.id)
    await c.read_block_document(c.bd.id, include_secrets=False)
    await c.read_block_document(uuid4())
    await c.read_block_document_by_name(f"bd-{c.u}", f"bt-{c.u}")
    await c.read_block_document_by_name(f"bd-{c.u}", f"bt-{c.u}", include_secrets=False)
    await c.read_block_document_by_name("nope", f"bt-{c.u}")


async def changing_blocks(c):
    await c.read_block_documents(block_schema_type="x", offset=0, limit=1, include_secrets=False)
    await c.read_block_documents_by_type(f"bt-{c.u}")
    await c.read_block_documents_by_type(f"bt-{c.u}", offset=0, limit=1, include_secrets=False)
    await c.read_block_documents_by_type("nope")
    await c.update_block_document(
        c.bd.id, A.BlockDocumentUpdate(data={"p": SecretStr("new")}, merge_existing_data=False)
    )
    await c.update_block_document(uuid4(), A.BlockDocumentUpdate(data={"p": "new"}))
    await c.update_server_default_result_storage(c.bd.id)
    await c.read_server_default_result_storage()
    await c.clear_server_default_result_storage()
    await c.update_server_default_result_storage(uuid4())
    await c.delete_block_document(c.bd.id)
    await c.delete_block_document(c.bd.id)
    await c.delete_block_type(c.bt.id)
    await c.delete_block_type(c.bt.id)


async def automations(c):
    c.au = await c.create_automation(
        AutomationCore(
            name=f"au-{c.u}",
            trigger=EventTrigger(
                expect={"x"},
                match={"prefect.resource.id": "y"},
                posture=Posture.Reactive,
                threshold=1,
                within=datetime.timedelta(seconds=12),
            ),
            actions=[DoNothing()],
        )
    )
    await c.create_automation(
        AutomationCore(
            name=f"ad-{c.u}",
            description="d",
            enabled=False,
            tags=["t"],
            trigger=CompoundTrigger(
                require="all",
                within=datetime.timedelta(minutes=1),
                triggers=[
                    EventTrigger(expect={"x"}, posture="Reactive", threshold=1),
                    EventTrigger(expect={"y"}, posture="Proactive", within=datetime.timedelta(seconds=30), threshold=1),
                ],
            ),
            actions=[RunDeployment(deployment_id=c.run.id, source="selected", parameters={"a": 1})],
            owner_resource=f"prefect.deployment.{c.run.id}",
        )
    )
    await c.read_automation(c.au)
    await c.read_automation(str(c.au))
    await c.read_automation(uuid4())


async def changing_automations(c):
    await c.read_automations_by_name(f"au-{c.u}")
    await c.read_automations_by_name("nope")
    await c.read_automations(
        automations=AutomationFilter(name=AutomationFilterName(any_=[f"au-{c.u}"])),
        sort=S.AutomationSort.NAME_ASC,
        limit=1,
        offset=0,
    )
    await c.find_automation(c.au)
    await c.find_automation(str(c.au))
    await c.find_automation(f"au-{c.u}")
    await c.find_automation("nope")
    await c.find_automation(uuid4())
    await c.update_automation(
        c.au,
        AutomationCore(
            name=f"au-{c.u}", trigger=EventTrigger(expect={"x"}, posture=Posture.Reactive, threshold=2), actions=[]
        ),
    )
    await c.update_automation(
        uuid4(),
        AutomationCore(
            name=f"au-{c.u}", trigger=EventTrigger(expect={"x"}, posture=Posture.Reactive, threshold=2), actions=[]
        ),
    )
    await c.pause_automation(c.au)
    await c.resume_automation(c.au)
    await c.pause_automation(uuid4())
    await c.resume_automation(uuid4())
    await c.read_resource_related_automations(f"prefect.deployment.{c.run.id}")
    await c.delete_resource_owned_automations(f"prefect.deployment.{c.run.id}")
    await c.delete_automation(c.au)
    await c.delete_automation(c.au)


async def events(c):
    page = await c.read_events(filter=EventFilter(event=EventNameFilter(prefix=["prefect."])), limit=1)
    if page and page.next_page:
        await c.read_events_page(page.next_page)


async def scene(c):
    await a_task_run(c)
    await variables(c)
    await limits_of_tags(c)
    await limits(c)
    await block_types_and_schemas(c)
    await block_documents(c)
    await changing_blocks(c)
    await automations(c)
    await changing_automations(c)


play(scene)
