"""A variable read."""

import sys

from _clock import Clock

from prefect.variables import Variable


def run(n):
    Variable.set("bench", {"rows": 3}, overwrite=True)
    Variable.get("bench")
    with Clock():
        for _ in range(n):
            Variable.get("bench")


if __name__ == "__main__":
    run(int(sys.argv[1]))
