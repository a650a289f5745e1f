"""Origins of the code of flows: a git repository, a remote store, a block, or a local directory.

A storage copies code to its `destination`, and describes itself as the pull step of a deployment.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from prefect._io import call_user
from prefect._lazy import lazy, lazy_from
from prefect.runner.git.credentials import GitCredentials
from prefect.runner.git.repository import GitRepository

if TYPE_CHECKING:
    import fsspec  # pyright: ignore[reportMissingTypeStubs, reportMissingImports]

    from prefect.blocks import core as blocks_core
    from prefect.filesystems import ReadableDeploymentStorage, WritableDeploymentStorage, remote
else:
    blocks_core, remote = lazy_from("prefect", "blocks.core", "filesystems.remote")
    fsspec = lazy("fsspec")

__all__ = [
    "BlockStorageAdapter",
    "GitCredentials",
    "GitRepository",
    "LocalStorage",
    "RemoteStorage",
    "RunnerStorage",
    "create_storage_from_source",
]

_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "adl": "adlfs",
    "wasb": "adlfs",
}
"""The package that fsspec needs for a scheme."""


@runtime_checkable
class RunnerStorage(Protocol):
    """A place that code is copied from."""

    def set_base_path(self, path: Path) -> None:
        """Set the directory that code is copied into."""
        ...

    @property
    def pull_interval(self) -> int | None:
        """Seconds between updates while flows are served; None for none."""
        ...

    @property
    def destination(self) -> Path:
        """The directory that the code is copied to."""
        ...

    async def pull_code(self) -> None:
        """Copy the code to the destination, or bring it up to date."""
        ...

    def to_pull_step(self) -> dict[str, Any] | list[dict[str, Any]]:
        """Return the pull step of a deployment with this code."""
        ...

    def __eq__(self, value: Any) -> bool:
        """Return whether the other storage has the same code."""
        ...


class RemoteStorage:
    """Code in a store that fsspec knows.

    Args:
        url: The URL of a directory, such as `s3://bucket/folder`.
        pull_interval: Seconds between updates while flows are served; None for none.
        settings: Passed to the fsspec file system. A `Secret` block stands for its value.
    """

    def __init__(self, url: str, pull_interval: int | None = 60, **settings: Any) -> None:
        self._url = url
        self._settings = settings
        self._pull_interval = pull_interval
        self._base_path = Path.cwd()

    def __eq__(self, value: object) -> bool:
        if not isinstance(value, RemoteStorage):
            return NotImplemented
        return (self._url, self._settings) == (value._url, value._settings)

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # its base path can be changed

    def __repr__(self) -> str:
        return f"RemoteStorage(url={self._url!r})"

    @property
    def pull_interval(self) -> int | None:
        """Seconds between updates; None for none."""
        return self._pull_interval

    def set_base_path(self, path: Path) -> None:
        """Set the directory that the code is copied into."""
        self._base_path = path

    @property
    def destination(self) -> Path:
        """The directory of the copy: the URL's location, below the base path."""
        parts = urlsplit(self._url)
        return self._base_path.joinpath(parts.netloc, parts.path.strip("/"))

    async def pull_code(self) -> None:
        """Copy the directory.

        Raises:
            ImportError: fsspec, or the package for this kind of store, is not installed.
            FileNotFoundError: There is no such directory.
        """
        settings = {name: _reveal(value) for name, value in self._settings.items()}
        store = remote.RemoteFileSystem(basepath=self._url, settings=settings)
        await store.aget_directory(local_path=str(self.destination))

    def to_pull_step(self) -> dict[str, Any]:
        """Return the pull step of a deployment with this code.

        Raises:
            BlockNotSavedError: A setting is a block that was not saved.
        """
        settings = {
            name: f"{{{{ {value.get_block_placeholder()} }}}}" if isinstance(value, blocks_core.Block) else value
            for name, value in self._settings.items()
        }
        package = _PACKAGES.get(urlsplit(self._url).scheme)
        requires = {"requires": package} if package else {}
        return {"prefect.deployments.steps.pull_from_remote_storage": {"url": self._url, **settings, **requires}}


class BlockStorageAdapter:
    """Code in a block that can copy a directory.

    Raises:
        ValueError: The block cannot.
    """

    def __init__(
        self, block: ReadableDeploymentStorage | WritableDeploymentStorage, pull_interval: int | None = 60
    ) -> None:
        if not hasattr(block, "get_directory"):
            raise ValueError("Provided block must have a `get_directory` method.")
        self._block: Any = block
        self._pull_interval = pull_interval
        self._base_path = Path.cwd()
        self._name = f"{block.get_block_type_slug()}-{block._block_document_name or block._block_document_id}"

    def __eq__(self, value: object) -> bool:
        return self._block == value._block if isinstance(value, BlockStorageAdapter) else NotImplemented

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # its base path can be changed

    def set_base_path(self, path: Path) -> None:
        """Set the directory that the code is copied into."""
        self._base_path = path

    @property
    def pull_interval(self) -> int | None:
        """Seconds between updates; None for none."""
        return self._pull_interval

    @property
    def destination(self) -> Path:
        """The directory of the copy."""
        return self._base_path / self._name

    async def pull_code(self) -> None:
        """Copy the directory of the block."""
        self.destination.mkdir(parents=True, exist_ok=True)
        await call_user(self._block.get_directory, local_path=str(self.destination))

    def to_pull_step(self) -> dict[str, Any]:
        """Return the pull step of a deployment with this code.

        Raises:
            BlockNotSavedError: The block was not saved.
        """
        # A block may have a step of its own.
        if hasattr(self._block, "get_pull_step"):
            return self._block.get_pull_step()
        name = self._block._block_document_name
        if name is None:
            raise blocks_core.BlockNotSavedError(
                "Block must be saved with `.save()` before it can be converted to a pull step."
            )
        inputs = {"block_type_slug": self._block.get_block_type_slug(), "block_document_name": name}
        return {"prefect.deployments.steps.pull_with_block": inputs}


class LocalStorage:
    """Code in a directory of this machine."""

    def __init__(self, path: str, pull_interval: int | None = None) -> None:
        self._path = Path(path).resolve()
        self._pull_interval = pull_interval

    def __eq__(self, value: object) -> bool:
        return self._path == value._path if isinstance(value, LocalStorage) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._path)

    def __repr__(self) -> str:
        return f"LocalStorage(path={self._path!r})"

    @property
    def destination(self) -> Path:
        """The directory."""
        return self._path

    def set_base_path(self, path: Path) -> None:
        """Do nothing: the directory is where it is."""

    @property
    def pull_interval(self) -> int | None:
        """Seconds between updates; None for none."""
        return self._pull_interval

    async def pull_code(self) -> None:
        """Do nothing: the code is there."""

    def to_pull_step(self) -> dict[str, Any]:
        """Return the pull step of a deployment with this code."""
        return {"prefect.deployments.steps.set_working_directory": {"directory": str(self._path)}}


def create_storage_from_source(source: str, pull_interval: int | None = 60) -> RunnerStorage:
    """Return the storage for a URL or path: git for one that ends with `.git`, else what its scheme says."""
    parts = urlsplit(source)
    if parts.path.endswith(".git") or parts.scheme.startswith("git+"):
        return GitRepository(url=source.removeprefix("git+"), pull_interval=pull_interval)
    if parts.scheme in ("file", "local"):
        return LocalStorage(path=parts.path, pull_interval=pull_interval)
    if "://" in source and parts.scheme in fsspec.available_protocols():
        return RemoteStorage(url=source, pull_interval=pull_interval)
    return LocalStorage(path=source, pull_interval=pull_interval)


def _reveal(value: Any) -> Any:
    """Return the value of a `Secret` block, or the value itself."""
    reveal = getattr(value, "get", None) if isinstance(value, blocks_core.Block) else None
    return reveal() if reveal is not None else value
