"""Remote stores through fsspec."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field, SecretStr, field_validator

from prefect._io import blocking, twin
from prefect._lazy import lazy
from prefect.filesystems.base import WritableDeploymentStorage, WritableFileSystem
from prefect.filesystems.ignoring import Rule
from prefect.filesystems.paths import check_path, list_directory, read_ignore_file, reject_parents, split_scheme

if TYPE_CHECKING:
    import fsspec  # pyright: ignore[reportMissingTypeStubs, reportMissingImports]
else:
    fsspec = lazy("fsspec")


class RemoteFileSystem(WritableFileSystem, WritableDeploymentStorage):
    """Files in any store that fsspec knows, below a base URL such as `s3://bucket/folder`.

    It needs the `fsspec` package and the package for the protocol of the store.
    """

    _block_type_name = "Remote File System"
    _description = (
        "Store data as a file on a remote file system.\n\n"
        "Supports any remote file system supported by `fsspec`. The file system is specified\n"
        'using a protocol. For example, "s3://my-bucket/my-folder/" will use S3.'
    )

    basepath: str = Field(
        description="Default path for this block to write to.", examples=["s3://my-bucket/my-folder/"]
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="Additional settings to pass through to fsspec.")

    @field_validator("basepath")
    @classmethod
    def _check_basepath(cls, value: str) -> str:
        scheme, location = split_scheme(value)
        if not scheme:
            raise ValueError(f"Base path must start with a scheme. Got {value!r}.")
        if not location or location.startswith("/"):
            raise ValueError(f"Base path must include a location after the scheme. Got {value!r}.")
        if scheme == "file":
            raise ValueError("Base path scheme cannot be 'file'. Use `LocalFileSystem` instead.")
        if not value.isprintable():
            raise ValueError(f"Base path {value!r} has a control character: leave it out.")
        return f"{scheme}://{location}"

    @property
    def filesystem(self) -> Any:
        """The fsspec file system.

        Raises:
            ImportError: fsspec, or the package for this kind of store, is not installed.
            ValueError: The scheme is not known.
        """
        try:
            return fsspec.filesystem(self.basepath.partition("://")[0], **self.settings)
        except ModuleNotFoundError as error:
            if error.name != "fsspec":
                raise
            raise ImportError("Remote file systems need the `fsspec` package: install it.") from error

    def _resolve_path(self, path: str) -> str:
        """Return the URL of a path here.

        Raises:
            ValueError: It is outside of the base path, or has control characters.
        """
        check_path(path)
        base = self.basepath.rstrip("/")
        scheme, location = split_scheme(path)
        reject_parents(location, path)
        if scheme:
            path = f"{scheme}://{location}"
            if path != base and not path.startswith(base + "/"):
                raise ValueError(f"Path {path!r} is outside of the base path {self.basepath!r}.")
            return path
        if path.startswith("//"):
            raise ValueError(f"Path {path!r} is outside of the base path {self.basepath!r}: write one slash.")
        return f"{base}/{path.strip('/')}" if path else base

    async def aread_path(self, path: str) -> bytes:
        """Return the content of a file."""
        return await blocking(self.filesystem.cat_file, self._resolve_path(path))

    read_path = twin(aread_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write a whole file and return its URL."""
        target = self._resolve_path(path)
        await blocking(_write_remote, self.filesystem, target, content)
        return target

    write_path = twin(awrite_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def aget_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a directory to this machine.

        Raises:
            ValueError: The directory is outside of the base path, or a name in it leads out of the local directory.
        """
        source, target = self._resolve_path(from_path or ""), Path(local_path or ".").resolve()
        await blocking(_get_tree, self.filesystem, source.rstrip("/"), target)

    get_directory = twin(aget_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def aput_directory(
        self,
        local_path: str | None = None,
        to_path: str | None = None,
        ignore_file: str | None = None,
        overwrite: bool = True,
    ) -> int:
        """Copy a local directory to this file system.

        Args:
            local_path: What to copy; the current directory by default.
            to_path: Where to; the base path by default.
            ignore_file: The path of a file that names what is not copied, with the syntax of `.gitignore`.
            overwrite: Whether files that exist there are replaced.

        Returns:
            The number of files copied.
        """
        source, target = Path(local_path or ".").resolve(), self._resolve_path(to_path or "")
        rules = read_ignore_file(ignore_file)
        return await blocking(_put_tree, self.filesystem, source, target, overwrite, rules)

    put_directory = twin(aput_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]


def _write_remote(filesystem: Any, target: str, content: bytes) -> None:
    filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
    filesystem.pipe_file(target, content)


def _put_tree(filesystem: Any, source: Path, target: str, overwrite: bool, rules: list[Rule]) -> int:
    count = 0
    for name in list_directory(str(source), rules=rules).files:
        place = f"{target}/{name}"
        if overwrite or not filesystem.exists(place):
            _write_remote(filesystem, place, (source / name).read_bytes())
            count += 1
    return count


def _get_tree(filesystem: Any, source: str, target: Path) -> None:
    root: str = filesystem._strip_protocol(source)
    places: dict[str, Path] = {}
    for name in cast("list[str]", filesystem.find(root)):
        path = name.removeprefix(root).lstrip("/") or name.rpartition("/")[2]
        check_path(path)
        reject_parents(path, path)
        places[name] = target / path
    if not places and not filesystem.exists(root):
        raise FileNotFoundError(f"There is no directory {source}.")
    for directory in {target, *(place.parent for place in places.values())}:
        directory.mkdir(parents=True, exist_ok=True)
    if places:
        filesystem.get(list(places), [str(place) for place in places.values()])


class SMB(WritableFileSystem, WritableDeploymentStorage):
    """Files on an SMB share."""

    _block_type_name = "SMB"
    _description = "Store data as a file on a SMB share."

    share_path: str = Field(
        description="SMB target (requires <SHARE>, followed by <PATH>).", examples=["/SHARE/dir/subdir"]
    )
    smb_username: SecretStr | None = Field(
        default=None, title="SMB Username", description="Username with access to the target SMB SHARE."
    )
    smb_password: SecretStr | None = Field(default=None, title="SMB Password", description="Password for SMB access.")
    smb_host: str = Field(title="SMB server/hostname", description="SMB server/hostname.")
    smb_port: int | None = Field(default=None, title="SMB port", description="SMB port (default: 445).")

    @property
    def basepath(self) -> str:
        """The share's URL."""
        return f"smb://{self.smb_host.rstrip('/')}/{self.share_path.strip('/')}"

    @property
    def filesystem(self) -> RemoteFileSystem:
        """The share as a remote file system."""
        settings: dict[str, Any] = {}
        if self.smb_username:
            settings["username"] = self.smb_username.get_secret_value()
        if self.smb_password:
            settings["password"] = self.smb_password.get_secret_value()
        if self.smb_port:
            settings["port"] = self.smb_port
        return RemoteFileSystem(basepath=self.basepath, settings={"host": self.smb_host, **settings})

    async def aread_path(self, path: str) -> bytes:
        """Return the content of a file."""
        return await self.filesystem.aread_path(path)

    read_path = twin(aread_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write a whole file and return its URL."""
        return await self.filesystem.awrite_path(path, content)

    write_path = twin(awrite_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def aget_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a directory to this machine."""
        await self.filesystem.aget_directory(from_path, local_path)

    get_directory = twin(aget_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def aput_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> int:
        """Copy a local directory to this file system and return the number of files copied."""
        return await self.filesystem.aput_directory(local_path, to_path, ignore_file)

    put_directory = twin(aput_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]
