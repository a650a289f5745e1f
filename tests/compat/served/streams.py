"""Events emitted, read back, and subscribed to."""
# clients: original

import asyncio
import uuid

import _served  # noqa: F401
from _facts import fact

from prefect import flow, get_client, task
from prefect.events import emit_event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter


@task
def step():
    return 1


@flow
def emitting(mark):
    step()
    emit_event("mine.happened", resource={"prefect.resource.id": f"mine.{mark}", "colour": "red"}, payload={"n": 1})


async def read(filter, wanted):
    async with get_client() as client:
        for _ in range(100):
            page = await client.read_events(filter=filter, limit=50)
            if len(page.events) >= wanted:
                return page.events
            await asyncio.sleep(0.2)
    return page.events


async def main():
    mark = uuid.uuid4().hex
    heard = []
    mine = EventFilter(resource=EventResourceFilter(id=[f"mine.{mark}"]))

    async def listen():
        async with get_events_subscriber(filter=mine) as subscriber:
            async for event in subscriber:
                heard.append([event.event, event.resource["colour"], event.payload])
                return

    listening = asyncio.create_task(listen())
    state = await asyncio.to_thread(emitting, mark, return_state=True)
    run_id = state.state_details.flow_run_id
    events = await read(mine, 1)
    fact(
        "mine", [[event.event, dict(event.resource) | {"prefect.resource.id": "x"}, event.payload] for event in events]
    )
    fact("related", sorted({each.role for event in events for each in event.related}))
    await asyncio.wait_for(listening, 20)
    fact("heard", heard)
    its = EventFilter(
        event=EventNameFilter(prefix=["prefect.flow-run."]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run_id}"]),
    )
    events = [each for each in await read(its, 3) if "heartbeat" not in each.event]
    fact("run", sorted(each.event for each in events))
    fact("roles", sorted({each.role for event in events for each in event.related}))
    fact("labels", sorted({label for event in events for label in dict(event.resource)}))
    done = next(each for each in events if each.event.endswith("Completed"))
    fact("payload", sorted(done.payload))
    tasks = EventFilter(event=EventNameFilter(prefix=["prefect.task-run."]))
    events = [each for each in await read(tasks, 3) if str(run_id) in str(each.related)]
    fact("task", sorted(each.event for each in events))
    fact("task labels", sorted({label for event in events for label in dict(event.resource)}))
    fact("task payload", sorted({name for event in events for name in event.payload}))
    fact("task's roles", sorted({each.role for event in events for each in event.related}))


asyncio.run(main())
