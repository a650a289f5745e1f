"""Requests to a server from several connections at once, for a time; prints how many were answered and how fast.

Bare HTTP over asyncio's streams: a client library would take more of the machine than the servers that are measured.
"""

import asyncio
import json
import sys
import time


async def exchange(reader, writer, host, method, path, body):
    """Send a request and return the status and the body of its answer."""
    text = json.dumps(body).encode() if body is not None else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(text)}\r\n\r\n"
    writer.write(head.encode() + text)
    first = await reader.readline()
    if not first:
        raise ConnectionResetError
    status = int(first.split()[1])
    length, chunked = 0, False
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        chunked = chunked or (name.lower() == b"transfer-encoding" and b"chunked" in value)
    return status, await chunks(reader) if chunked else await reader.readexactly(length)


async def chunks(reader):
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readline()
    return b"".join(parts)


async def connect(host):
    name, _, port = host.partition(":")
    return await asyncio.open_connection(name, int(port))


async def create(host, path, body):
    """Create an object and return its id."""
    reader, writer = await connect(host)
    _, answer = await exchange(reader, writer, host, "POST", path, body)
    writer.close()
    return json.loads(answer)["id"]


def new_run(flow_id):
    return {"flow_id": flow_id, "state": {"type": "PENDING"}}


async def client(host, base, kind, flow_id, until, most, times, failures):
    reader, writer = await connect(host)
    run_id = await create(host, f"{base}/flow_runs/", new_run(flow_id)) if kind == "read" else None
    while time.perf_counter() < until and len(times) < most:
        for method, path, body in requests(kind, base, flow_id):
            begun = time.perf_counter()
            try:
                status, answer = await exchange(reader, writer, host, method, path.replace("{id}", str(run_id)), body)
            except ConnectionResetError:
                reader, writer = await connect(host)
                break
            if status >= 400:
                failures.append(status)
                break
            times.append(time.perf_counter() - begun)
            if path.endswith("/flow_runs/"):
                run_id = json.loads(answer)["id"]
    writer.close()


def requests(kind, base, flow_id):
    filtered = ("POST", f"{base}/flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": 100})
    if kind == "filter":
        yield filtered
        return
    if kind == "read":
        yield "GET", f"{base}/flow_runs/{{id}}", None
        return
    yield "POST", f"{base}/flow_runs/", new_run(flow_id)
    if kind in ("states", "soak"):
        for state in ("RUNNING", "COMPLETED"):
            yield "POST", f"{base}/flow_runs/{{id}}/set_state", {"state": {"type": state}}
    if kind == "soak":
        yield filtered
        yield filtered


async def main(url, kind, connections, seconds, most):
    host, _, base = url.removeprefix("http://").partition("/")
    flow_id = await create(host, f"/{base}/flows/", {"name": "load"})
    times, failures = [], []
    begun = time.perf_counter()
    until = begun + seconds
    await asyncio.gather(
        *(client(host, f"/{base}", kind, flow_id, until, most, times, failures) for _ in range(connections))
    )
    wall = time.perf_counter() - begun
    times.sort()
    facts = {
        "wall": wall,
        "requests": len(times),
        "p50": times[len(times) // 2],
        "p95": times[int(len(times) * 0.95)],
        "slowest": times[-1],
        "failures": len(failures),
    }
    print("BENCH " + json.dumps(facts), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])))
