"""Tasks called one after the other."""

import sys

from _clock import Clock

from prefect import flow, task


@task
def work(x):
    return x


@flow
def run(n):
    work(0)
    with Clock():
        for i in range(n):
            work(i)


if __name__ == "__main__":
    run(int(sys.argv[1]))
