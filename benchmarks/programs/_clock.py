"""Times what is between its two calls, and prints it for the one who measures.

CPU before the work is printed too: the one who measures subtracts it from what the whole process used until its exit,
so that work which is put off (records written behind, threads ended) is counted where it was caused.
"""

import json
import os
import time


class Clock:
    def __enter__(self):
        before = os.times()
        self._cpu = before.user + before.system + before.children_user + before.children_system
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_):
        wall = time.perf_counter() - self._started
        print("BENCH " + json.dumps({"wall": wall, "cpu_before": self._cpu}), flush=True)
