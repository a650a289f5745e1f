"""Every call of a scene is a fact: what kind of thing a client's method returned, or how it failed.

A scene is written once, async, and played with the sync client and with the async one.
"""

import asyncio
import inspect
import uuid

from _facts import fact, kind, plain

UNIQUE = uuid.uuid4().hex[:8]


class Calls:
    """A client whose methods are called through this; a number tells the calls of one method apart."""

    def __init__(self, client):
        self.client = client
        self.made = {}
        self.u = UNIQUE + type(client).__name__[:1].lower()

    def __getattr__(self, name):
        async def call(*args, **kwargs):
            try:
                returned = getattr(self.client, name)(*args, **kwargs)
                if inspect.isawaitable(returned):
                    returned = await returned
            except Exception as error:
                returned, what = None, {"failed": failure(error)}
            else:
                what = {"returned": brief(returned)}
            number = sum(1 for known in self.made if known.split()[0] == name) + 1
            self.made[f"{name} {number}"] = what
            return returned

        return call


def brief(value):
    """The kind of a value, or the value where it is a plain one."""
    if isinstance(value, list):
        return [brief(value[0])] if value else []
    if hasattr(value, "status_code"):
        return f"status {value.status_code}"
    if hasattr(value, "model_fields_set"):
        return f"<{type(value).__name__.partition('[')[0]}>"
    return "<dict>" if isinstance(value, dict) else plain(value)


def failure(error):
    """The HTTP status of an error; the name of its class where there is none, or where it means more."""
    response = getattr(error, "response", None)
    if response is None:
        response = getattr(getattr(error, "http_exc", None), "response", None)
    status = getattr(response, "status_code", None) or getattr(getattr(error, "http_exc", None), "status", None)
    return kind(error) if status is None else f"status {status}"


def play(scene):
    """Play a scene with both clients: the facts are the sync client's, and where the async one's are others."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        sync = Calls(client)
        try:
            scene(sync).send(None)
        except StopIteration:
            pass

    async def main():
        async with get_client() as client:
            calls = Calls(client)
            await scene(calls)
            return calls

    made = asyncio.run(main()).made
    for name, what in sync.made.items():
        fact(name, what)
    fact("async otherwise", {name: made.get(name) for name, what in sync.made.items() if made.get(name) != what})
