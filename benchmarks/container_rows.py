"""Rows of runs in containers and in jobs of Kubernetes: from the request of a run to the first line of its flow.

Each worker has its own server. The engine is real; of Kubernetes the control plane is, and a program plays the node
and starts the processes of pods: what both packages' workers and the start of a run take is measured, and no image is
pulled. Rows whose engine is not installed are left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.deployment_rows import Latency, measure_latency, run_pool
from benchmarks.measure import MILLISECONDS, Series
from benchmarks.rows import Figure, Plan, Row
from benchmarks.server_rows import Serve, Store, baseline, pluperfect
from benchmarks.subjects import Subject
from prefect.utilities.dockerutils import docker_client
from tests import docker_engine, kubernetes_cluster
from tools import original

RUNS, BASELINE_RUNS = 6, 3
IMAGE = ("local/python", "1")


def all_rows(plan: Plan, only: str = "") -> Iterator[Row]:
    """Measure the rows of runs in containers whose names contain `only`."""
    if only in "containers docker" and docker_engine.find_reason_to_skip("dockerd") is None:
        plan.report_progress("containers of Docker")
        with docker_engine.run_engine() as address:
            yield from _measure(plan, "docker", {"DOCKER_HOST": address})
    if only in "containers kubernetes" and kubernetes_cluster.find_reason_to_skip() is None:
        plan.report_progress("jobs of Kubernetes")
        with kubernetes_cluster.run_cluster() as plane:
            yield from _measure(plan, "kubernetes", {"KUBECONFIG": str(plane.kubeconfig)})


def _measure(plan: Plan, kind: str, variables: dict[str, str]) -> Iterator[Row]:
    mine = _run(plan, plan.pluperfect, pluperfect, kind, variables, RUNS)
    baseline_figure = None
    if plan.baseline is not None:
        installed = original.environment(f"original-{kind}", (*original.REQUIREMENTS, f"prefect-{kind}"))
        subject = replace(plan.baseline, python=installed)
        baseline_figure = _run(plan, subject, baseline, kind, variables, BASELINE_RUNS)
    for name, part in (("request to flow", "begun"), ("request to Completed", "ended")):
        other = Figure(Series(tuple(getattr(baseline_figure, part)))) if baseline_figure else None
        yield Row(f"{kind}: {name}", MILLISECONDS, Figure(Series(tuple(getattr(mine, part)))), other)
    other = Figure(Series((baseline_figure.cpu,))) if baseline_figure else None
    yield Row(f"{kind}: CPU of the worker a run", MILLISECONDS, Figure(Series((mine.cpu,))), other)


def _run(plan: Plan, subject: Subject, serve: Serve, kind: str, variables: dict[str, str], runs: int) -> Latency:
    """Measure with a new server, pool and worker."""
    home = plan.scratch / f"containers-{time.monotonic_ns()}"
    with ExitStack() as stack:
        up = stack.enter_context(serve(home / "server", Store("SQLite")))
        pool = stack.enter_context(run_pool(subject, up, home / "worker", kind, variables))
        programs = Path(subject.python).parent
        job: dict[str, Any] = {
            "image": ":".join(IMAGE),
            "env": {"PREFECT_API_URL": up.url, "PATH": f"{programs}:/usr/bin:/bin", "PREFECT_LOGGING_LEVEL": "ERROR"},
        }
        if kind == "docker":
            job |= _describe_container(pool.folder, programs, variables["DOCKER_HOST"])
        else:  # workers give pods another name for the address of this machine, which processes do not know
            job["command"] = f"env PREFECT_API_URL={up.url} prefect flow-run execute"
        pool.values = {"job_variables": job}
        return measure_latency(pool, runs)


def _describe_container(folder: Path, programs: Path, address: str) -> dict[str, Any]:
    """Return the job variables of a container with this machine's Python, and add its image to the engine."""
    os.environ["DOCKER_HOST"] = address
    try:
        with docker_client() as client:
            docker_engine.add_python_image(client, *IMAGE)
    finally:
        del os.environ["DOCKER_HOST"]
    places = {*docker_engine.list_python_volumes(), f"{programs.parent}:{programs.parent}:ro", f"{folder}:{folder}"}
    return {"network_mode": "host", "image_pull_policy": "Never", "volumes": sorted(places), "auto_remove": True}
