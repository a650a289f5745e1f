"""Transactions: groups of tasks whose results are committed together, or rolled back together when one fails.

A transaction stages a value and hooks. When the outermost block ends without an error, everything staged in it is
committed: the innermost first, each by its commit hooks and then by writing its value under its key. When a block
raises, it and the enclosing transactions are rolled back, the hooks in reverse order. A transaction whose key already
has a result is committed from the start.

The engine opens one for a task only if the task has a key, hooks or an enclosing transaction. This module is cheap to
import, a transaction is cheap to make, and only one with a key uses a store.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from prefect._io import drive
from prefect._lazy import lazy_from
from prefect.locking.isolation import IsolationLevel
from prefect.transactions.core import (
    BaseTransaction,
    CommitMode,
    Logger,
    TransactionState,
    get_transaction,
)

if TYPE_CHECKING:
    from typing import Self

    from prefect import filesystems, results
else:
    filesystems, results = lazy_from("prefect", "filesystems", "results")

__all__ = [
    "AsyncTransaction",
    "BaseTransaction",
    "CommitMode",
    "IsolationLevel",
    "Transaction",
    "TransactionState",
    "atransaction",
    "get_transaction",
    "transaction",
]


class Transaction(BaseTransaction):
    """A transaction of sync code: `with Transaction(...)`."""

    def __enter__(self) -> Self:
        return drive(self.aenter())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        drive(self.aexit(kind is not None))

    def begin(self) -> None:
        """Acquire the lock of the key, if the isolation level requires it, and read an existing result."""
        drive(self._begin())

    def read(self) -> results.ResultRecord[Any] | None:
        """Return the record that is stored under the key; None without a key or a store.

        Raises:
            MissingResult: There is none.
            SerializationError: It cannot be read.
        """
        return drive(self.aread())

    def commit(self) -> bool:
        """Commit the children, call the commit hooks and write the value. Return whether it was committed."""
        return drive(self._commit())

    def rollback(self) -> bool:
        """Call the rollback hooks and roll back the children. Return whether it was rolled back."""
        return drive(self._rollback())

    def reset(self) -> None:
        """Leave the block: the parent becomes the current transaction."""
        drive(self._reset())

    def run_hook(self, hook: Callable[..., Any], hook_type: str) -> None:
        """Call a hook with the transaction; `hook_type` is its kind in the log."""
        drive(self._run_hook(hook, hook_type))


class AsyncTransaction(BaseTransaction):
    """A transaction of async code: `async with AsyncTransaction(...)`."""

    async def __aenter__(self) -> Self:
        return await self.aenter()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        await self.aexit(kind is not None)

    async def begin(self) -> None:
        """Acquire the lock of the key, if the isolation level requires it, and read an existing result."""
        await self._begin()

    async def read(self) -> results.ResultRecord[Any] | None:
        """Return the record that is stored under the key; None without a key or a store."""
        return await self.aread()

    async def commit(self) -> bool:
        """Commit the children, call the commit hooks and write the value. Return whether it was committed."""
        return await self._commit()

    async def rollback(self) -> bool:
        """Call the rollback hooks and roll back the children. Return whether it was rolled back."""
        return await self._rollback()

    async def reset(self) -> None:
        """Leave the block: the parent becomes the current transaction."""
        await self._reset()

    async def run_hook(self, hook: Callable[..., Any], hook_type: str) -> None:
        """Call a hook with the transaction; `hook_type` is its kind in the log."""
        await self._run_hook(hook, hook_type)


@contextmanager
def transaction(
    key: str | None = None,
    store: results.ResultStore | None = None,
    commit_mode: CommitMode | None = None,
    isolation_level: IsolationLevel | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
    logger: Logger | None = None,
) -> Generator[Transaction]:
    """Run a block as a transaction.

    Args:
        key: The key of the staged value, which is looked up when the block begins.
        store: The store of the value; by default that of the current run.
        commit_mode: When it commits; that of the enclosing transaction by default, else `LAZY`.
        isolation_level: What other transactions with the same key see; that of the enclosing one by default.
        overwrite: Whether an existing result is replaced.
        write_on_commit: Whether the staged value is written.
        logger: The logger; that of the run by default.
    """
    with Transaction(
        key=key,
        store=_default_store(key, store),
        commit_mode=commit_mode,
        isolation_level=isolation_level,
        overwrite=overwrite,
        write_on_commit=write_on_commit,
        logger=logger,
    ) as entered:
        yield entered


@asynccontextmanager
async def atransaction(
    key: str | None = None,
    store: results.ResultStore | None = None,
    commit_mode: CommitMode | None = None,
    isolation_level: IsolationLevel | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
    logger: Logger | None = None,
) -> AsyncGenerator[AsyncTransaction]:
    """Run a block of async code as a transaction. See `transaction`."""
    async with AsyncTransaction(
        key=key,
        store=_default_store(key, store),
        commit_mode=commit_mode,
        isolation_level=isolation_level,
        overwrite=overwrite,
        write_on_commit=write_on_commit,
        logger=logger,
    ) as entered:
        yield entered


def _default_store(key: str | None, store: results.ResultStore | None) -> results.ResultStore | None:
    if store is not None or key is None:
        return store
    store = results.get_result_store()
    if isinstance(store.metadata_storage, filesystems.NullFileSystem):
        # Results of flows are stored without metadata, but a result that is looked up by its key needs it.
        store = store.model_copy(update={"metadata_storage": None})
    return store
