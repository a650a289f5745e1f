"""Interfaces of blocks: credentials, jobs, databases, object storage, secrets and notifications.

Packages implement them for a service. They must not know any service.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from logging import Logger, LoggerAdapter
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Generic, NoReturn, Self, TypeAlias, TypeVar

from prefect.blocks.core import Block
from prefect.exceptions import MissingContextError
from prefect.logging.loggers import get_logger, get_run_logger
from prefect.notifications.sending import NotificationError

__all__ = [
    "Block",
    "CredentialsBlock",
    "DatabaseBlock",
    "JobBlock",
    "JobRun",
    "NotificationBlock",
    "NotificationError",
    "ObjectStorageBlock",
    "SecretBlock",
]

T = TypeVar("T")
LoggingAdapter = LoggerAdapter
LoggerOrAdapter: TypeAlias = Logger | LoggingAdapter[Any]


class _RunLogger:
    """Mixin of what logs to the run it is used in."""

    @property
    def logger(self) -> LoggerOrAdapter:
        """The logger of the current run; outside of a run, one named for the class."""
        try:
            return get_run_logger()
        except MissingContextError:
            return get_logger(type(self).__name__)


class CredentialsBlock(_RunLogger, Block, ABC):
    """Credentials of a service, and its authenticated client."""

    @abstractmethod
    def get_client(self, *args: Any, **kwargs: Any) -> Any:
        """Return a client of the service."""


class NotificationBlock(_RunLogger, Block, ABC):
    """A place to send notifications to."""

    _block_schema_capabilities: ClassVar[list[str] | None] = ["notify"]
    _raise_on_failure: bool = False

    @abstractmethod
    async def notify(self, body: str, subject: str | None = None) -> None:
        """Send a notification."""

    @contextmanager
    def raise_on_failure(self) -> Generator[None]:
        """Inside the block, a notification that cannot be sent raises `NotificationError`."""
        self._raise_on_failure = True
        try:
            yield
        finally:
            self._raise_on_failure = False


class JobRun(_RunLogger, ABC, Generic[T]):
    """A job that was started."""

    @abstractmethod
    async def wait_for_completion(self) -> Any:
        """Wait until the job has ended."""

    @abstractmethod
    async def fetch_result(self) -> T:
        """Return the result of the job."""


class JobBlock(_RunLogger, Block, ABC, Generic[T]):
    """A job that can be started."""

    @abstractmethod
    async def trigger(self) -> JobRun[T]:
        """Start the job, and return its run."""


class DatabaseBlock(_RunLogger, Block, ABC):
    """A database to query."""

    @abstractmethod
    async def fetch_one(
        self, operation: str, parameters: dict[str, Any] | None = None, **execution_kwargs: Any
    ) -> tuple[Any, ...]:
        """Return one row of a query's result."""

    @abstractmethod
    async def fetch_many(
        self,
        operation: str,
        parameters: dict[str, Any] | None = None,
        size: int | None = None,
        **execution_kwargs: Any,
    ) -> list[tuple[Any, ...]]:
        """Return at most `size` rows of a query's result."""

    @abstractmethod
    async def fetch_all(
        self, operation: str, parameters: dict[str, Any] | None = None, **execution_kwargs: Any
    ) -> list[tuple[Any, ...]]:
        """Return all rows of a query's result."""

    @abstractmethod
    async def execute(self, operation: str, parameters: dict[str, Any] | None = None, **execution_kwargs: Any) -> None:
        """Execute a statement that returns nothing."""

    @abstractmethod
    async def execute_many(
        self, operation: str, seq_of_parameters: list[dict[str, Any]], **execution_kwargs: Any
    ) -> None:
        """Execute a statement once for each set of parameters."""

    # A database with connections to close overrides these.

    async def __aenter__(self) -> Self:
        self._refuse("async context management")

    async def __aexit__(self, *args: Any) -> None:
        self._refuse("async context management")

    def __enter__(self) -> Self:
        self._refuse("context management")

    def __exit__(self, *args: Any) -> None:
        self._refuse("context management")

    def _refuse(self, feature: str) -> NoReturn:
        raise NotImplementedError(f"{type(self).__name__} does not support {feature}.")


class ObjectStorageBlock(_RunLogger, Block, ABC):
    """Storage of objects by path."""

    @abstractmethod
    async def download_object_to_path(self, from_path: str, to_path: str | Path, **download_kwargs: Any) -> Path:
        """Download an object to a file, and return the file's path."""

    @abstractmethod
    async def download_object_to_file_object(
        self, from_path: str, to_file_object: BinaryIO, **download_kwargs: Any
    ) -> BinaryIO:
        """Download an object to an open file, and return that."""

    @abstractmethod
    async def download_folder_to_path(self, from_folder: str, to_folder: str | Path, **download_kwargs: Any) -> Path:
        """Download a folder, and return the path of the local one."""

    @abstractmethod
    async def upload_from_path(self, from_path: str | Path, to_path: str, **upload_kwargs: Any) -> str:
        """Upload a file, and return the object's path."""

    @abstractmethod
    async def upload_from_file_object(self, from_file_object: BinaryIO, to_path: str, **upload_kwargs: Any) -> str:
        """Upload an open file, and return the object's path."""

    @abstractmethod
    async def upload_from_folder(self, from_folder: str | Path, to_folder: str, **upload_kwargs: Any) -> str:
        """Upload a folder, and return its path in the storage."""


class SecretBlock(_RunLogger, Block, ABC):
    """A secret that a service stores."""

    @abstractmethod
    async def read_secret(self) -> bytes:
        """Return the secret."""

    @abstractmethod
    async def write_secret(self, secret_data: bytes) -> str:
        """Store the secret, and return its key."""
