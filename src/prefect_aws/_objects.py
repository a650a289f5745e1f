"""Objects of a bucket by their keys, through a client of boto3."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SINGLE_REQUEST_MAX_BYTES = 32 * 1024 * 1024
"""Content up to this size is written with one request; larger content in parts, side by side."""


def read(client: Any, bucket: str, key: str) -> bytes:
    """Return the content of an object."""
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


def write(client: Any, bucket: str, key: str, content: bytes) -> None:
    """Write an object: readers see all of it or the one before."""
    if len(content) <= SINGLE_REQUEST_MAX_BYTES:
        client.put_object(Bucket=bucket, Key=key, Body=content)
        return
    client.upload_fileobj(Fileobj=io.BytesIO(content), Bucket=bucket, Key=key)


def find(client: Any, bucket: str, prefix: str, **options: Any) -> Iterator[dict[str, Any]]:
    """Find the objects whose keys begin with a prefix.

    Args:
        client: The client of boto3.
        bucket: The bucket's name.
        prefix: The beginning of the keys.
        options: `delimiter`, `page_size`, `max_items` and `jmespath_query`, as of boto3's paginator.
    """
    config = {name: value for name in ("page_size", "max_items") if (value := options.get(name)) is not None}
    names = {"page_size": "PageSize", "max_items": "MaxItems"}
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket,
        Prefix=prefix,
        Delimiter=options.get("delimiter") or "",
        PaginationConfig={names[name]: value for name, value in config.items()},
    )
    if query := options.get("jmespath_query"):
        yield from (found for found in pages.search(query) if found is not None)
        return
    for page in pages:
        yield from page.get("Contents", ())


def download_folder(client: Any, bucket: str, prefix: str, target: Path, options: dict[str, Any] | None = None) -> None:
    """Download all objects below a prefix into a directory.

    Raises:
        ValueError: A key leads out of the directory.
    """
    root = target.resolve()
    for found in find(client, bucket, prefix):
        key: str = found["Key"]
        if key.endswith("/"):  # a folder, made by a console
            continue
        path = (root / key.removeprefix(prefix).lstrip("/")).resolve()
        if root not in (path, *path.parents):
            raise ValueError(f"The key {key!r} of the bucket {bucket!r} leads out of the directory {str(target)!r}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(Bucket=bucket, Key=key, Filename=str(path), **(options or {}))


def upload_folder(
    client: Any, bucket: str, source: Path, prefix: str, kept: set[str] | None, options: dict[str, Any] | None = None
) -> int:
    """Upload the files of a directory below a prefix and return how many.

    Args:
        client: The client of boto3.
        bucket: The bucket's name.
        source: The directory.
        prefix: The beginning of the keys, with a slash at its end unless it is empty.
        kept: The relative paths to upload; None for all.
        options: Further arguments of `upload_file`.
    """
    count = 0
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.is_file() and (kept is None or name in kept):
            client.upload_file(Filename=str(path), Bucket=bucket, Key=f"{prefix}{name}", **(options or {}))
            count += 1
    return count
