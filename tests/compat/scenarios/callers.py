"""Whether dual functions return the value or a coroutine, by caller and by the run that the caller is in."""

import asyncio
import contextvars
import inspect
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from _facts import fact

from prefect import artifacts, filesystems, flow, flow_runs, results, states, task
from prefect._internal.compatibility.async_dispatch import async_dispatch
from prefect.automations import Automation
from prefect.blocks.core import Block
from prefect.input import actions
from prefect.input.run_input import send_input

warnings.simplefilter("ignore", RuntimeWarning)


async def aread(x=1):
    return x


@async_dispatch(aread)
def read(x=1):
    return x


def kind(answer):
    if not inspect.iscoroutine(answer):
        return "value"
    answer.close()
    return "coroutine"


def helper():
    return read()


async def coroutine_helper():
    return kind(read())


async def calling_helper():
    return kind([helper() for _ in range(1)][0])


def in_thread(call):
    found = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    return found[0]


def ask():
    """Return what callers of all code get."""
    got = {
        "direct": kind(read()),
        "comprehension": kind([read() for _ in range(1)][0]),
        "generator expression": kind(list(read() for _ in range(1))[0]),  # noqa: C400
        "lambda": kind((lambda: read())()),  # noqa: PLW0108
        "map": kind(list(map(read, [1]))[0]),
        "helper": kind(helper()),
        "thread": kind(in_thread(read)),
    }
    with ThreadPoolExecutor(1) as pool:
        got["thread with context"] = kind(pool.submit(contextvars.copy_context().run, read).result())
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        got["asyncio.run"] = asyncio.run(coroutine_helper())
        got["asyncio.run, helper"] = asyncio.run(calling_helper())
    return got


async def aask():
    """Return what callers in coroutines get."""
    got = {**ask(), "coroutine": kind(read()), "coroutine, comprehension": kind([read() for _ in range(1)][0])}
    got["to_thread"] = kind(await asyncio.to_thread(read))
    got["to_thread, asyncio.run"] = await asyncio.to_thread(lambda: asyncio.run(coroutine_helper()))
    got["gather"] = (await asyncio.gather(coroutine_helper()))[0]
    async with asyncio.TaskGroup() as group:
        member = group.create_task(coroutine_helper())
    got["task group"] = member.result()
    called = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: called.set_result(kind(read())))
    got["callback"] = await called
    return got


sync_task, async_task = task(ask), task(aask)
sync_flow, async_flow = flow(ask), flow(aask)


@flow
def generator_flow():
    yield ask()


@task
def generator_task():
    yield ask()


@flow
async def async_generator_flow():
    yield await aask()


@task
async def async_generator_task():
    yield await aask()


@flow
def sync_flow_of(call):
    return call()


@flow
async def async_flow_of(call):
    outcome = call()
    return await outcome if inspect.isawaitable(outcome) else outcome


@task
def sync_task_of(call):
    return call()


@task
async def async_task_of(call):
    return call()


async def under_loop(call):
    return call()


async def first(generator):
    return [item async for item in generator][0]


fact("no run", ask())
fact("no run, loop", asyncio.run(aask()))
fact("sync flow", sync_flow())
fact("sync flow under a loop", asyncio.run(under_loop(sync_flow)))
fact("async flow", asyncio.run(async_flow()))
fact("sync task", sync_task())
fact("sync task under a loop", asyncio.run(under_loop(sync_task)))
fact("async task", asyncio.run(async_task()))
fact("sync task in sync flow", sync_flow_of(sync_task))
fact("sync task in async flow", asyncio.run(async_flow_of(sync_task)))
fact("sync task submitted by async flow", asyncio.run(async_flow_of(lambda: sync_task.submit().result())))
fact("async task in async flow", asyncio.run(async_flow_of(async_task)))
fact("async task submitted by sync flow", sync_flow_of(lambda: async_task.submit().result()))
fact("async task run by sync flow", sync_flow_of(lambda: asyncio.run(async_task())))
fact("sync flow in async flow", asyncio.run(async_flow_of(sync_flow)))
fact("async flow run by sync flow", sync_flow_of(lambda: asyncio.run(async_flow())))
fact("sync flow in sync task", sync_task_of(sync_flow))
fact("sync flow in async task", asyncio.run(async_task_of(sync_flow)))
fact("generator flow", next(iter(list(generator_flow()))))
fact("generator task", next(iter(list(generator_task()))))
fact("async generator flow", asyncio.run(first(async_generator_flow())))
fact("async generator task", asyncio.run(first(async_generator_task())))


def run_with_hook(decorator, is_async, hook):
    got = []

    def sync_hook(*_):
        got.append(ask())

    async def async_hook(*_):
        got.append(await aask())

    def body():
        return 1

    async def abody():
        return 1

    hooks = [sync_hook if hook == "hook" else async_hook]
    if is_async:
        asyncio.run(decorator(on_completion=hooks)(abody)())
    else:
        decorator(on_completion=hooks)(body)()
    return got


for name, decorator in (("flow", flow), ("task", task)):
    for is_async in (False, True):
        for hook in ("hook", "async hook"):
            who = f"{hook} of {'async' if is_async else 'sync'} {name}"
            fact(who, run_with_hook(decorator, is_async, hook))


ID = UUID(int=1)
STATE = states.Completed(data=1)
LOCAL = filesystems.LocalFileSystem(basepath=".")
AUTOMATION = Automation(name="a", trigger={"type": "event", "posture": "Reactive"}, actions=[])
DUAL = {
    "Artifact.create": lambda: artifacts.MarkdownArtifact(markdown="x").create(),
    "Artifact.format": lambda: artifacts.MarkdownArtifact(markdown="x").format(),
    "Artifact.get": lambda: artifacts.Artifact.get("k"),
    "Artifact.get_or_create": lambda: artifacts.Artifact.get_or_create("k"),
    "Automation.create": lambda: AUTOMATION.create(),
    "Automation.delete": lambda: AUTOMATION.delete(),
    "Automation.disable": lambda: AUTOMATION.disable(),
    "Automation.enable": lambda: AUTOMATION.enable(),
    "Automation.read": lambda: Automation.read(name="a"),
    "Automation.update": lambda: AUTOMATION.update(),
    "Block.delete": lambda: Block.delete("b"),
    "Block.load": lambda: Block.load("b"),
    "Block.load_from_ref": lambda: Block.load_from_ref(ID),
    "Block.register_type_and_schema": lambda: filesystems.LocalFileSystem.register_type_and_schema(),
    "Block.save": lambda: LOCAL.save("b"),
    "Flow.visualize": lambda: sync_flow.visualize(),
    "LocalFileSystem.get_directory": lambda: LOCAL.get_directory("a", "b"),
    "LocalFileSystem.put_directory": lambda: LOCAL.put_directory("a", "b"),
    "LocalFileSystem.read_path": lambda: LOCAL.read_path("a"),
    "LocalFileSystem.write_path": lambda: LOCAL.write_path("a", b""),
    "State.result": lambda: STATE.result(),
    "create_flow_run_input": lambda: actions.create_flow_run_input("k", 1, ID),
    "create_image_artifact": lambda: artifacts.create_image_artifact("x"),
    "create_link_artifact": lambda: artifacts.create_link_artifact("x"),
    "create_markdown_artifact": lambda: artifacts.create_markdown_artifact("x"),
    "create_progress_artifact": lambda: artifacts.create_progress_artifact(1.0),
    "create_table_artifact": lambda: artifacts.create_table_artifact([]),
    "delete_flow_run_input": lambda: actions.delete_flow_run_input("k", ID),
    "filter_flow_run_input": lambda: actions.filter_flow_run_input("k", 1, None, ID),
    "get_default_result_storage": lambda: results.get_default_result_storage(),
    "get_state_exception": lambda: states.get_state_exception(STATE),
    "pause_flow_run": lambda: flow_runs.pause_flow_run(),
    "raise_state_exception": lambda: states.raise_state_exception(STATE),
    "read_flow_run_input": lambda: actions.read_flow_run_input("k", ID),
    "resolve_result_storage": lambda: results.resolve_result_storage("x"),
    "resume_flow_run": lambda: flow_runs.resume_flow_run(ID),
    "send_input": lambda: send_input(1, ID),
    "suspend_flow_run": lambda: flow_runs.suspend_flow_run(),
    "update_progress_artifact": lambda: artifacts.update_progress_artifact(ID, 1.0),
    "ResultStore.update_for_flow": lambda: results.ResultStore().update_for_flow(sync_flow),
    "ResultStore.update_for_task": lambda: results.ResultStore().update_for_task(sync_task),
}


@flow
async def ask_each():
    return {name: kind([call() for _ in range(1)][0]) for name, call in DUAL.items()}


fact("each dual function in an async flow", asyncio.run(ask_each()))


@flow
def ask_some():
    async def inside():
        return {
            "state": STATE.result(),
            "artifact": type(artifacts.create_markdown_artifact("x")).__name__,
            "format": artifacts.MarkdownArtifact(markdown="y").format(),
            "storage": type(results.get_default_result_storage()).__name__,
        }

    return asyncio.run(inside())


fact("some dual functions under a loop of a sync flow", ask_some())


@flow
async def decide():
    return {
        "_sync=True": STATE.result(_sync=True),
        "_sync=False": kind(STATE.result(_sync=False)),
        "artifact": type(artifacts.create_markdown_artifact("x", _sync=True)).__name__,
    }


fact("_sync in an async flow", asyncio.run(decide()))
fact("_sync=False outside", kind(STATE.result(_sync=False)))
