"""What the latest run of a flow did, task by task: how many, how they ended, how long they took.

python examples/history.py weather
"""

import sys
from collections import Counter

from rich.console import Console
from rich.table import Table

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort

PAGE = 200


def history(flow_name: str) -> None:
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name={"any_": [flow_name]}), sort=FlowRunSort.START_TIME_DESC, limit=1
        )
        if not runs:
            sys.exit(f"no run of {flow_name!r} has been recorded")
        run, tasks = runs[0], []
        while True:
            page = client.read_task_runs(
                flow_run_filter=FlowRunFilter(id={"any_": [run.id]}),
                sort=TaskRunSort.EXPECTED_START_TIME_ASC,
                limit=PAGE,
                offset=len(tasks),
            )
            tasks += page
            if len(page) < PAGE:
                break

    of_task: dict[str, list] = {}
    for each in tasks:
        of_task.setdefault(each.task_key.rpartition("-")[0], []).append(each)

    seconds = run.total_run_time.total_seconds()
    table = Table(title=f"{run.name} ({flow_name}): {run.state.name} in {seconds:.2f} s", title_justify="left")
    for column in ("task", "runs", "states", "attempts", "shortest", "longest"):
        table.add_column(column, justify="left" if column in ("task", "states") else "right")
    for name, its in of_task.items():
        took = [each.total_run_time.total_seconds() * 1000 for each in its]
        states = Counter(each.state.name for each in its)
        table.add_row(
            name,
            str(len(its)),
            ", ".join(f"{count} {state}" for state, count in states.items()),
            str(sum(each.run_count for each in its)),
            f"{min(took):.1f} ms",
            f"{max(took):.1f} ms",
        )
    Console().print(table)


if __name__ == "__main__":
    history(*sys.argv[1:2] or ["weather"])
