"""Buckets of S3, or of a store with its interface, as storage of results, flows and files."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, ClassVar

from pydantic import Field, field_validator

from prefect.blocks.abstract import ObjectStorageBlock
from prefect.filesystems import WritableDeploymentStorage, WritableFileSystem
from prefect.utilities.filesystem import filter_files
from prefect_aws import _objects
from prefect_aws._dual import dual, in_thread
from prefect_aws.credentials import AwsCredentials, MinIOCredentials
from prefect_aws.s3_tasks import (
    acopy_objects,
    adownload_from_bucket,
    alist_objects,
    amove_objects,
    aupload_to_bucket,
    copy_objects,
    download_from_bucket,
    list_objects,
    move_objects,
    s3_copy,
    s3_download,
    s3_list_objects,
    s3_move,
    s3_upload,
    upload_to_bucket,
)

__all__ = [
    "S3Bucket",
    "acopy_objects",
    "adownload_from_bucket",
    "alist_objects",
    "amove_objects",
    "aupload_to_bucket",
    "copy_objects",
    "download_from_bucket",
    "list_objects",
    "move_objects",
    "s3_copy",
    "s3_download",
    "s3_list_objects",
    "s3_move",
    "s3_upload",
    "upload_to_bucket",
]


class S3Bucket(WritableFileSystem, WritableDeploymentStorage, ObjectStorageBlock):
    """A bucket of S3, or a folder in one. Paths are below the folder.

    Each method is awaited in async code and blocks in sync code; with a leading `a` it is always async.

    Attributes:
        bucket_name: The bucket's name.
        credentials: The credentials; by default those that boto3 finds in the environment.
        bucket_folder: The folder; by default the whole bucket.

    Example:
        ```python
        from prefect_aws import S3Bucket

        S3Bucket.load("BLOCK_NAME").upload_from_path("report.csv")
        ```
    """

    _block_type_name: ClassVar[str | None] = "S3 Bucket"

    bucket_name: str = Field(description="Name of your bucket.")
    credentials: MinIOCredentials | AwsCredentials = Field(
        default_factory=AwsCredentials, description="A block containing your credentials to AWS or MinIO."
    )
    bucket_folder: str = Field(
        default="",
        description="A default path to a folder within the S3 bucket to use for reading and writing objects.",
    )

    @field_validator("bucket_folder", mode="before")
    @classmethod
    def _strip_slashes(cls, value: Any) -> Any:
        return value.strip("/") if isinstance(value, str) else value

    @property
    def basepath(self) -> str:
        """The folder of the bucket."""
        return self.bucket_folder

    @property
    def _client(self) -> Any:
        return self.credentials.get_s3_client()

    def _resolve_path(self, path: str | Path) -> str:
        """Return the key of a path.

        Raises:
            ValueError: It leads out of the folder.
        """
        parts = PurePosixPath(str(path).strip("/"))
        if ".." in parts.parts:
            raise ValueError(f"The path {str(path)!r} leads out of its folder: write it without '..'.")
        joined = str(PurePosixPath(self.bucket_folder) / parts)
        return "" if joined == "." else joined

    def _resolve_folder(self, folder: str | Path | None) -> str:
        """Return the beginning of the keys in a folder: with a slash at its end, or empty for the whole bucket."""
        key = self._resolve_path(folder or "")
        return f"{key}/" if key else ""

    # --- files -------------------------------------------------------------------------------------------------------

    def _read_path(self, path: str) -> bytes:
        """Return the content of an object."""
        return _objects.read(self._client, self.bucket_name, self._resolve_path(path))

    aread_path = in_thread(_read_path)
    read_path = dual(aread_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def _write_path(self, path: str, content: bytes) -> str:
        """Write an object and return its key."""
        key = self._resolve_path(path)
        _objects.write(self._client, self.bucket_name, key, content)
        return key

    awrite_path = in_thread(_write_path)
    write_path = dual(awrite_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    # --- directories -------------------------------------------------------------------------------------------------

    def _get_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Download a folder.

        Args:
            from_path: The folder; the block's own by default.
            local_path: Where to; the current directory by default.
        """
        prefix = self._resolve_folder(from_path)
        _objects.download_folder(self._client, self.bucket_name, prefix, Path(local_path or "."))

    aget_directory = in_thread(_get_directory)
    get_directory = dual(aget_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def _put_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> int:
        """Upload a directory and return the number of its files.

        Args:
            local_path: The directory; the current one by default.
            to_path: The folder; the block's own by default.
            ignore_file: A file that names what is not uploaded, with the syntax of `.gitignore`.
        """
        source = Path(local_path or ".")
        kept = None
        if ignore_file is not None:
            patterns = Path(ignore_file).read_text(encoding="utf-8").splitlines()
            kept = filter_files(str(source), patterns, include_dirs=False, as_posix=True)
        return _objects.upload_folder(self._client, self.bucket_name, source, self._resolve_folder(to_path), kept)

    aput_directory = in_thread(_put_directory)
    put_directory = dual(aput_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    # --- objects -----------------------------------------------------------------------------------------------------

    def _list_objects(
        self,
        folder: str = "",
        delimiter: str = "",
        page_size: int | None = None,
        max_items: int | None = None,
        jmespath_query: str | None = None,
    ) -> list[dict[str, Any]]:
        """List the objects of a folder, each as S3 describes it: `Key`, `Size`, `LastModified` and more.

        Args:
            folder: The folder.
            delimiter: Objects whose keys have it after the folder are left out: `"/"` lists no folders below.
            page_size: Objects a request.
            max_items: At most this many.
            jmespath_query: What to choose, as in `"Contents[?Size > `100`][]"`.
        """
        options = {"delimiter": delimiter, "page_size": page_size, "max_items": max_items}
        prefix = self._resolve_folder(folder)
        return list(_objects.find(self._client, self.bucket_name, prefix, jmespath_query=jmespath_query, **options))

    alist_objects = in_thread(_list_objects)
    list_objects = dual(alist_objects)

    def _download_object_to_path(
        self, from_path: str, to_path: str | Path | None = None, **download_kwargs: Any
    ) -> Path:
        """Download an object to a file and return its path.

        Args:
            from_path: The object.
            to_path: The file; by default one of the object's name in the current directory.
            download_kwargs: Further arguments of boto3's `download_file`.
        """
        target = Path(to_path if to_path is not None else PurePosixPath(from_path).name)
        target.parent.mkdir(parents=True, exist_ok=True)
        key = self._resolve_path(from_path)
        self._client.download_file(Bucket=self.bucket_name, Key=key, Filename=str(target), **download_kwargs)
        return target

    adownload_object_to_path = in_thread(_download_object_to_path)
    download_object_to_path = dual(adownload_object_to_path)  # pyright: ignore

    def _download_object_to_file_object(
        self, from_path: str, to_file_object: BinaryIO, **download_kwargs: Any
    ) -> BinaryIO:
        """Download an object to an open file and return that.

        Args:
            from_path: The object.
            to_file_object: A file that is open for writing bytes.
            download_kwargs: Further arguments of boto3's `download_fileobj`.
        """
        key = self._resolve_path(from_path)
        self._client.download_fileobj(Bucket=self.bucket_name, Key=key, Fileobj=to_file_object, **download_kwargs)
        return to_file_object

    adownload_object_to_file_object = in_thread(_download_object_to_file_object)
    download_object_to_file_object = dual(adownload_object_to_file_object)  # pyright: ignore

    def _download_folder_to_path(
        self, from_folder: str, to_folder: str | Path | None = None, **download_kwargs: Any
    ) -> Path:
        """Download a folder to a directory and return its path.

        Args:
            from_folder: The folder.
            to_folder: The directory; the current one by default.
            download_kwargs: Further arguments of boto3's `download_file`.
        """
        target = Path(to_folder if to_folder is not None else "")
        prefix = self._resolve_folder(from_folder)
        _objects.download_folder(self._client, self.bucket_name, prefix, target, download_kwargs)
        return target

    adownload_folder_to_path = in_thread(_download_folder_to_path)
    download_folder_to_path = dual(adownload_folder_to_path)  # pyright: ignore

    def _stream_from(self, bucket: S3Bucket, from_path: str, to_path: str | None = None, **upload_kwargs: Any) -> str:
        """Copy an object from another bucket, which may have other credentials, and return its key.

        Args:
            bucket: The other bucket.
            from_path: The object there.
            to_path: The object here; of the same name by default.
            upload_kwargs: Further arguments of boto3's `upload_fileobj`.
        """
        key = self._resolve_path(to_path if to_path is not None else PurePosixPath(from_path).name)
        source = bucket._client.get_object(Bucket=bucket.bucket_name, Key=bucket._resolve_path(from_path))
        self._client.upload_fileobj(Fileobj=source["Body"], Bucket=self.bucket_name, Key=key, **upload_kwargs)
        return key

    astream_from = in_thread(_stream_from)
    stream_from = dual(astream_from)

    def _upload_from_path(self, from_path: str | Path, to_path: str | None = None, **upload_kwargs: Any) -> str:
        """Upload a file and return its key.

        Args:
            from_path: The file.
            to_path: The object; of the file's name by default.
            upload_kwargs: Further arguments of boto3's `upload_file`.
        """
        key = self._resolve_path(to_path if to_path is not None else Path(from_path).name)
        self._client.upload_file(Filename=str(from_path), Bucket=self.bucket_name, Key=key, **upload_kwargs)
        return key

    aupload_from_path = in_thread(_upload_from_path)
    upload_from_path = dual(aupload_from_path)  # pyright: ignore

    def _upload_from_file_object(self, from_file_object: BinaryIO, to_path: str, **upload_kwargs: Any) -> str:
        """Upload an open file and return its key.

        Args:
            from_file_object: A file that is open for reading bytes.
            to_path: The object.
            upload_kwargs: Further arguments of boto3's `upload_fileobj`.
        """
        key = self._resolve_path(to_path)
        self._client.upload_fileobj(Fileobj=from_file_object, Bucket=self.bucket_name, Key=key, **upload_kwargs)
        return key

    aupload_from_file_object = in_thread(_upload_from_file_object)
    upload_from_file_object = dual(aupload_from_file_object)  # pyright: ignore

    def _upload_from_folder(
        self, from_folder: str | Path, to_folder: str | None = None, **upload_kwargs: Any
    ) -> str | None:
        """Upload a directory and return the key of its folder; None if it has no files.

        Args:
            from_folder: The directory.
            to_folder: The folder; the block's own by default.
            upload_kwargs: Further arguments of boto3's `upload_file`.
        """
        prefix = self._resolve_folder(to_folder)
        count = _objects.upload_folder(self._client, self.bucket_name, Path(from_folder), prefix, None, upload_kwargs)
        return prefix.rstrip("/") if count else None

    aupload_from_folder = in_thread(_upload_from_folder)
    upload_from_folder = dual(aupload_from_folder)  # pyright: ignore

    def _copy_object(
        self,
        from_path: str | Path,
        to_path: str | Path,
        to_bucket: S3Bucket | str | None = None,
        **copy_kwargs: Any,
    ) -> str:
        """Copy an object and return the key of the copy.

        Args:
            from_path: The object.
            to_path: The copy.
            to_bucket: Where to, if not in this bucket: a block, or the name of a bucket that these credentials reach.
            copy_kwargs: Further arguments of boto3's `copy_object`.
        """
        target = self if to_bucket is None else to_bucket
        name = target if isinstance(target, str) else target.bucket_name
        key = str(to_path).strip("/") if isinstance(target, str) else target._resolve_path(to_path)
        source = {"Bucket": self.bucket_name, "Key": self._resolve_path(from_path)}
        self._client.copy_object(CopySource=source, Bucket=name, Key=key, **copy_kwargs)
        return key

    acopy_object = in_thread(_copy_object)
    copy_object = dual(acopy_object)

    def _move_object(self, from_path: str | Path, to_path: str | Path, to_bucket: S3Bucket | str | None = None) -> str:
        """Copy an object, delete it, and return the key of the copy.

        Args:
            from_path: The object.
            to_path: Where to.
            to_bucket: As of `copy_object`.
        """
        key = self._copy_object(from_path, to_path, to_bucket)
        self._client.delete_object(Bucket=self.bucket_name, Key=self._resolve_path(from_path))
        return key

    amove_object = in_thread(_move_object)
    move_object = dual(amove_object)
