"""Check that each installation reads the results of the other. Run by hand, with both interpreters:

    python tests/compat/results_both_ways.py PYTHON_OF_ONE PYTHON_OF_THE_OTHER

The file formats, the keys and the lock files are compared; the records kept in `tests/results/data` are such files.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

COMMON = """
import datetime, sys
from pathlib import Path
from prefect.filesystems import LocalFileSystem
from prefect.locking.filesystem import FileSystemLockManager
from prefect.results import ResultStore

base = Path(sys.argv[1])
VALUES = {"none": None, "nested": {"a": [1, 2.5, None, "naïve"], "b": {"c": True}}, "text": "x" * 1000}
WHEN = datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)
RICH = {"tuple": (1, {2}), "when": WHEN, "error": ValueError("x")}
def stores():
    for kind in ("json", "pickle", "compressed/json", "compressed/pickle"):
        from prefect.serializers import Serializer
        for split in (False, True):
            name = kind.replace("/", "-") + ("-split" if split else "")
            metadata = LocalFileSystem(basepath=str(base / (name + "-metadata"))) if split else None
            store = ResultStore(
                result_storage=LocalFileSystem(basepath=str(base / name)),
                metadata_storage=metadata,
                serializer=Serializer(type=kind),
                cache_result_in_memory=False,
            )
            yield store, {**VALUES, **(RICH if kind.endswith("pickle") else {})}
"""

WRITE = (
    COMMON
    + """
for store, values in stores():
    for key, value in values.items():
        store.write(value, key=key)
    store.write(1, key="old", expiration=datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc))
    store.write(1, key="fresh", expiration=datetime.datetime(2120, 1, 1, tzinfo=datetime.timezone.utc))
assert FileSystemLockManager(base / "locks").acquire_lock("k", "somebody", hold_timeout=600)
"""
)

READ = (
    COMMON
    + """
count = 0
for store, values in stores():
    for key, value in values.items():
        assert store.exists(key), key
        found = store.read(key).result
        assert repr(found) == repr(value), (key, found)
        count += 1
    assert not store.exists("old") and store.exists("fresh")
locks = FileSystemLockManager(base / "locks")
assert locks.is_locked("k") and locks.is_lock_holder("k", "somebody") and not locks.is_lock_holder("k", "me")
print("read", count, "results")
"""
)


def main(one: str, other: str) -> None:
    for writer, reader in ((one, other), (other, one)):
        with tempfile.TemporaryDirectory() as directory:
            environment = {"PREFECT_HOME": str(Path(directory) / "home"), "HOME": directory, "PATH": "/usr/bin:/bin"}
            for python, program in ((writer, WRITE), (reader, READ)):
                run = subprocess.run(
                    [python, "-c", program, directory], env=environment, check=True, capture_output=True, text=True
                )
                print(run.stdout, end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
