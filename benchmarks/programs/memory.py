"""Peak memory of a task mapped over many inputs: run with two sizes, the difference is what a task costs."""

import resource
import sys

from prefect import flow, task


@task
def work(x):
    return None


@flow
def run(n):
    futures = work.map(range(n))
    futures.wait()


if __name__ == "__main__":
    run(int(sys.argv[1]))
    print(f'BENCH {{"peak_kib": {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}}}', flush=True)
