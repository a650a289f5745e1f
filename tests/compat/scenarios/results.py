"""Results: what is written where, and what the state carries."""

import json
import os
import pathlib
import uuid

from _facts import client, fact, outcome, run_id, trace

from prefect import flow, task
from prefect.results import ResultRecord, ResultStore, get_result_store
from prefect.filesystems import LocalFileSystem

STORAGE = pathlib.Path(os.environ["PREFECT_HOME"]) / "storage"
import tempfile

TMP = tempfile.mkdtemp(dir=os.getcwd())
SALT = uuid.uuid4().hex


@task
def default():
    return 1


@task(persist_result=True, result_storage_key="key-" + SALT)
def persisted():
    return {"a": 1}


@task(persist_result=True, result_storage_key="json-" + SALT, result_serializer="json")
def as_json():
    return {"a": [1, None]}


@task(persist_result=True, result_storage_key="compressed-" + SALT, result_serializer="compressed/json")
def compressed():
    return {"a": 1}


@task(persist_result=True, result_storage_key="template-{parameters[x]}-" + SALT)
def template(x):
    return x


@task(persist_result=True)
def unpicklable():
    import threading

    return threading.Lock()


@task(persist_result=True, result_serializer="json")
def not_json():
    return object()


@task(result_storage=pathlib.Path(TMP + "/results-" + SALT), persist_result=True)
def own_storage():
    return 5


@task(persist_result=True, cache_result_in_memory=False)
def not_in_memory():
    return 6


def written(key):
    path = STORAGE / key
    if not path.exists():
        return None
    record = json.loads(path.read_text())
    record["metadata"].pop("prefect_version", None)
    return record


@flow
def main():
    final = default(return_state=True)
    fact("default: data", type(final.data).__name__)
    trace("default: result", final.result)
    for each in (persisted, as_json, compressed):
        final = each(return_state=True)
        name = each.fn.__name__
        fact(f"{name}: data", type(final.data).__name__)
        trace(f"{name}: result", final.result)
        record = written(each.result_storage_key)
        fact(
            f"{name}: record keys",
            {key: sorted(value) if isinstance(value, dict) else type(value).__name__ for key, value in record.items()},
        )
        fact(
            f"{name}: metadata",
            {
                key: str(value).replace(SALT, "<salt>")
                for key, value in record["metadata"].items()
                if key != "storage_block_id"
            },
        )
        fact(f"{name}: serializer", record["metadata"]["serializer"])
        if name != "compressed":
            fact(f"{name}: stored", record["result"] if name == "as_json" else type(record["result"]).__name__)
    template(4)
    fact("template written", (STORAGE / ("template-4-" + SALT)).exists())
    final = unpicklable(return_state=True)
    fact("unpicklable", {"type": final.type, "name": final.name, "start": (final.message or "")[:60]})
    trace("unpicklable: result", lambda: type(final.result()).__name__)
    final = not_json(return_state=True)
    fact("not json", {"type": final.type, "name": final.name, "start": (final.message or "")[:60]})
    own_storage()
    fact("own storage", len(os.listdir(TMP + "/results-" + SALT)))
    trace("not in memory", not_in_memory)
    trace("not in memory, state", lambda: not_in_memory(return_state=True).result())
    return "end"


fact("main", main())


@flow(persist_result=True)
def persisted_flow():
    final = default(return_state=True)
    fact("task in a persisting flow", type(final.data).__name__)
    return [1, 2]


final = persisted_flow(return_state=True)
fact("persisted flow: data", type(final.data).__name__)
with client() as api:
    read = api.read_flow_run(run_id(final)).state
fact("recorded data of a persisted flow", type(read.data).__name__)
trace("result of the recorded state", lambda: read.result())
final = main.with_options(name="unpersisted")(return_state=True) if False else flow(lambda: 5)(return_state=True)
with client() as api:
    read = api.read_flow_run(run_id(final)).state
fact("recorded data without persistence", read.data if read.data is None else type(read.data).__name__)
trace("its result", lambda: read.result())
trace("its result, no raise", lambda: read.result(raise_on_failure=False))


@flow(result_storage=pathlib.Path(TMP + "/flow-results-" + SALT))
def with_storage():
    return 3


trace("result_storage turns persistence on", lambda: [with_storage(), os.path.isdir(TMP + "/flow-results-" + SALT)])
trace("result_serializer turns persistence on", lambda: flow(result_serializer="json")(lambda: 1).persist_result)
trace(
    "cache_result_in_memory off turns persistence on",
    lambda: flow(cache_result_in_memory=False)(lambda: 1).persist_result,
)
trace(
    "task persist_result default",
    lambda: [
        task(lambda: 1).persist_result,
        task(cache_key_fn=lambda c, p: "x")(lambda: 1).persist_result,
        task(result_storage_key="x")(lambda: 1).persist_result,
        task(result_serializer="json")(lambda: 1).persist_result,
        task(result_storage=pathlib.Path(TMP + "/x"))(lambda: 1).persist_result,
        task(cache_result_in_memory=False)(lambda: 1).persist_result,
    ],
)
trace(
    "result_storage as a path",
    lambda: flow(result_storage=pathlib.Path(TMP + "/path-" + SALT), persist_result=True)(lambda: 1)(),
)
trace("result_storage as an unsaved block", lambda: task(result_storage=LocalFileSystem())(lambda: 1).persist_result)
trace(
    "flow result_storage as an unsaved block", lambda: flow(result_storage=LocalFileSystem())(lambda: 1).persist_result
)
trace("unknown serializer", lambda: flow(result_serializer="nope", persist_result=True)(lambda: 1)())
trace("unknown storage", lambda: flow(result_storage="local-file-system/nope", persist_result=True)(lambda: 1)())
store = ResultStore(result_storage=LocalFileSystem(basepath=TMP + "/store"))
store.write(key="k", obj={"x": 1})
fact("store read", type(store.read("k")).__name__)
fact("store value", store.read("k").result)
fact("store exists", [store.exists("k"), store.exists("other")])
trace("store missing", lambda: store.read("other"))
fact("store outside a run", type(get_result_store()).__name__)
