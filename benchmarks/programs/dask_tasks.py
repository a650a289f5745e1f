"""The task workload on Dask distributed: two worker processes of one thread each."""

import json
import sys
import time

from distributed import Client, LocalCluster


def work(x):
    return x


if __name__ == "__main__":
    count = int(sys.argv[1])
    found = {}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.submit(work, -1, pure=False).result()
        started = time.perf_counter()
        for i in range(count):
            client.submit(work, i, pure=False).result()
        found["task, one after the other"] = time.perf_counter() - started
        started = time.perf_counter()
        assert sum(client.gather(client.map(work, range(count), pure=False))) == count * (count - 1) // 2
        found["mapped, results gathered"] = time.perf_counter() - started
    print("BENCH " + json.dumps(found), flush=True)
