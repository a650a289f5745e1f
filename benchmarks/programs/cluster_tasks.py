"""The same tasks on a cluster of two processes, bare and as task runs of a flow, in turns: `dask|ray COUNT`."""

import json
import os
import sys
import time
from pathlib import Path

from prefect import flow, task

ROUNDS = 3
ONE_BY_ONE = 10
"""One in so many of the tasks is submitted and awaited alone."""


def work(x):
    return x


work_task = task(work)


def measure(count, call, map_over):
    """Return wall and CPU seconds a task: called one after the other, and mapped with the results gathered."""
    map_over(range(20))
    few = count // ONE_BY_ONE
    before = read_clocks()
    for number in range(few):
        assert call(number) == number
    between = read_clocks()
    assert sum(map_over(range(count))) == count * (count - 1) // 2
    after = read_clocks()
    return {
        "one after the other": [(end - start) / few for start, end in zip(before, between, strict=True)],
        "mapped": [(end - start) / count for start, end in zip(between, after, strict=True)],
    }


def read_clocks():
    """Return the time, and the CPU seconds of this process and its descendants."""
    return time.perf_counter(), sum(map(read_cpu_seconds, find_descendants("self")))


def find_descendants(pid):
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += find_descendants(child)
    return found


def read_cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(count, runner, call, map_over):
    @flow(task_runner=runner)
    def program():
        return measure(count, lambda x: work_task.submit(x).result(), lambda items: work_task.map(items).result())

    found = {"bare": [], "task runs": []}
    for _ in range(ROUNDS):
        found["bare"].append(measure(count, call, map_over))
        found["task runs"].append(program())
    print("BENCH " + json.dumps(found), flush=True)


def run_on_dask(count):
    from distributed import Client, LocalCluster

    from prefect_dask import DaskTaskRunner

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        run(
            count,
            DaskTaskRunner(address=cluster.scheduler_address),
            lambda x: client.submit(work, x, pure=False).result(),
            lambda items: client.gather(client.map(work, items, pure=False)),
        )


def run_on_ray(count):
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    from prefect_ray import RayTaskRunner

    ray.init(
        num_cpus=2,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        object_store_memory=200 * 2**20,
        log_to_driver=False,
    )
    bare = ray.remote(work)
    run(
        count,
        RayTaskRunner(),
        lambda x: ray.get(bare.remote(x)),
        lambda items: ray.get([bare.remote(x) for x in items]),
    )
    ray.shutdown()


if __name__ == "__main__":
    {"dask": run_on_dask, "ray": run_on_ray}[sys.argv[1]](int(sys.argv[2]))
