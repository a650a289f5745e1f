"""Flows that run jobs of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import Task, flow
from prefect_kubernetes.job_block import KubernetesJob, KubernetesJobRun


@flow
def run_namespaced_job(kubernetes_job: KubernetesJob, print_func: Callable[..., Any] | None = None) -> dict[str, str]:
    """Run a job, wait for its end, and return the output of its pods by their names.

    Args:
        kubernetes_job: The job.
        print_func: Is called with each line of the output while the job runs.

    Raises:
        RuntimeError: The job has failed.
        KubernetesJobTimeoutError: The job has not ended in time.
    """
    run: KubernetesJobRun = Task(kubernetes_job.trigger)()
    Task(run.wait_for_completion)(print_func)
    return Task(run.fetch_result)()


@flow
async def run_namespaced_job_async(
    kubernetes_job: KubernetesJob, print_func: Callable[..., Any] | None = None
) -> dict[str, str]:
    """Run a job as `run_namespaced_job` does, without blocking the event loop."""
    run = await Task(kubernetes_job.atrigger, name="trigger")()
    await Task(run.await_for_completion, name="wait_for_completion")(print_func)
    return await Task(run.afetch_result, name="fetch_result")()
