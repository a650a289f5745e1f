"""Locks of the package are made by `prefect._forks`, so that no forked child finds one locked for ever."""

import re
from pathlib import Path

SOURCE = Path(__file__).parent.parent.parent / "src" / "prefect"
PLAIN_LOCK = re.compile(r"threading\.R?Lock\(\)")

REPLACED_IN_CHILD = {
    "client/_http_clients.py",
    "events/worker.py",
    "locking/memory.py",
}
"""Modules whose locks belong to objects that start anew in a child."""
HELD_BY_USERS = {
    "filesystems/local_paths.py": "a program may fork while it holds it",
    "coroutines/timeouts.py": "one call holds it",
}


def test_plain_locks_are_listed_with_a_reason():
    modules = {str(path.relative_to(SOURCE)): path.read_text() for path in SOURCE.rglob("*.py")}
    found = {name for name, text in modules.items() if PLAIN_LOCK.search(text) and not name.startswith("server/")}
    assert found == {"_forks.py", *REPLACED_IN_CHILD, *HELD_BY_USERS}
    assert all("register_at_fork" in modules[name] or "getpid" in modules[name] for name in REPLACED_IN_CHILD)
