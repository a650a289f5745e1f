"""Threads that each hold one of two slots for 50 ms."""

import sys
import threading
import time

from _clock import Clock

from prefect import get_client
from prefect.concurrency.sync import concurrency


def hold():
    with concurrency("bench"):
        time.sleep(0.05)


def run(n):
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name("bench", 2)
    hold()
    threads = [threading.Thread(target=hold) for _ in range(n)]
    with Clock():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    run(int(sys.argv[1]))
