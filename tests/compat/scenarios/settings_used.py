"""Settings that change what flows and tasks do."""

from _facts import fact, run_id, task_runs, trace

from prefect import flow, task
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOW_DEFAULT_RETRIES,
    PREFECT_HOME,
    PREFECT_LOGGING_LEVEL,
    PREFECT_RESULTS_PERSIST_BY_DEFAULT,
    PREFECT_TASK_DEFAULT_RETRIES,
    PREFECT_TASK_DEFAULT_RETRY_DELAY_SECONDS,
    PREFECT_TASKS_REFRESH_CACHE,
    get_current_settings,
    temporary_settings,
)

attempts = []


def body():
    attempts.append(1)
    raise ValueError("broke")


with temporary_settings({PREFECT_TASK_DEFAULT_RETRIES: 2}):
    made_inside = task(name="inside")(body)
    fact("task retries made inside", made_inside.retries)
    flow(lambda: made_inside(return_state=True).name)()
    fact("attempts of the one made inside", len(attempts))
made_outside = task(name="outside")(body)
attempts.clear()
with temporary_settings({PREFECT_TASK_DEFAULT_RETRIES: 2}):
    flow(lambda: made_outside(return_state=True).name)()
fact("attempts of one made outside", len(attempts))
fact("retries given", task(retries=0)(body).retries)

with temporary_settings({PREFECT_TASK_DEFAULT_RETRY_DELAY_SECONDS: 3}):
    fact("retry delay", task(body).retry_delay_seconds)
with temporary_settings({PREFECT_TASK_DEFAULT_RETRY_DELAY_SECONDS: [1, 2]}):
    fact("retry delays", task(body).retry_delay_seconds)
with temporary_settings({PREFECT_FLOW_DEFAULT_RETRIES: 1}):
    fact("flow retries", flow(body).retries)


@task
def counted(x=1):
    attempts.append(1)
    return x


attempts.clear()


@flow
def twice():
    return [counted(7, return_state=True).name for _ in range(2)]


with temporary_settings({PREFECT_RESULTS_PERSIST_BY_DEFAULT: True}):
    fact("persisted by default", twice())
    with temporary_settings({PREFECT_TASKS_REFRESH_CACHE: True}):
        fact("refreshed", twice())
fact("not persisted", twice())
fact("calls", len(attempts))

trace("unknown setting", lambda: temporary_settings({"PREFECT_NOPE": 1}).__enter__())
trace("wrong value", lambda: temporary_settings({PREFECT_TASK_DEFAULT_RETRIES: "many"}).__enter__())
with temporary_settings({PREFECT_LOGGING_LEVEL: "DEBUG"}):
    fact("value", PREFECT_LOGGING_LEVEL.value())
    fact("in the model", get_current_settings().logging.level)
fact("value after", PREFECT_LOGGING_LEVEL.value())
fact("home is a path", type(PREFECT_HOME.value()).__name__)
fact("groups", [get_current_settings().tasks.default_retries, get_current_settings().flows.default_retries])
fact("name", [PREFECT_API_URL.name, PREFECT_TASK_DEFAULT_RETRIES.name])
fact("falsy", bool(PREFECT_TASKS_REFRESH_CACHE))
