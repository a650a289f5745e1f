"""The task workload on DBOS with its SQLite database: steps in a workflow, and a queue of workflows."""

import json
import os
import sys
import time

from dbos import DBOS

DBOS(
    config={
        "name": "bench",
        "system_database_url": f"sqlite:///{os.getcwd()}/dbos.sqlite",
        "run_admin_server": False,
        "log_level": "ERROR",
    }
)


@DBOS.step()
def work(x):
    return x


@DBOS.workflow()
def queued(x):
    return x


@DBOS.workflow()
def sequential(n):
    for i in range(n):
        work(i)


@DBOS.workflow()
def mapped(n):
    handles = [DBOS.enqueue_workflow("tasks", queued, i) for i in range(n)]
    return sum(handle.get_result() for handle in handles)


if __name__ == "__main__":
    DBOS.launch()
    DBOS.register_queue("tasks", polling_interval_sec=0.1)
    count = int(sys.argv[1])
    found = {}
    sequential(1)
    started = time.perf_counter()
    sequential(count)
    found["task, one after the other"] = time.perf_counter() - started
    started = time.perf_counter()
    assert mapped(count) == count * (count - 1) // 2
    found["mapped, results gathered"] = time.perf_counter() - started
    print("BENCH " + json.dumps(found), flush=True)
    DBOS.destroy()
