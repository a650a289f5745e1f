"""A flow that does nothing, called again and again from plain code."""

import sys

from _clock import Clock

from prefect import flow


@flow
def nothing():
    pass


if __name__ == "__main__":
    nothing()
    with Clock():
        for _ in range(int(sys.argv[1])):
            nothing()
