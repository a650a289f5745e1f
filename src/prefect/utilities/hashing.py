"""Public path of hashes of values and files; see `prefect.values.hashing`."""

from prefect.exceptions import HashError
from prefect.values.hashing import file_hash, hash_objects, stable_hash

__all__ = ["HashError", "file_hash", "hash_objects", "stable_hash"]
