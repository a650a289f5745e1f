"""The transaction itself: its state, its values, and how it begins, commits and is rolled back.

Everything is written once as coroutines over `_io`; `Transaction` and `AsyncTransaction` of the package are the sync
and async forms.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from enum import auto
from typing import TYPE_CHECKING, Any, TypeAlias

from prefect._io import call_user
from prefect._lazy import lazy_from
from prefect.context import current_transaction as current
from prefect.exceptions import ConfigurationError, MissingContextError, SerializationError
from prefect.locking.isolation import IsolationLevel
from prefect.types import new_id
from prefect.types.enums import AutoEnum
from prefect.values.annotations import NotSet

if TYPE_CHECKING:
    import logging
    from typing import Self

    from prefect import results
    from prefect.logging import loggers
else:
    loggers, results = lazy_from("prefect", "logging.loggers", "results")

Logger: TypeAlias = "logging.Logger | logging.LoggerAdapter[Any]"
Hook: TypeAlias = Callable[[Any], Any]


class CommitMode(AutoEnum):
    """The time at which a transaction commits automatically."""

    EAGER = auto()
    """At the end of the transaction's block."""
    LAZY = auto()
    """When the enclosing transaction commits; at the end of the block if there is none."""
    OFF = auto()
    """Never: at the end of its block it is rolled back, unless an enclosing transaction commits it."""


class TransactionState(AutoEnum):
    """The state of a transaction."""

    PENDING = auto()
    ACTIVE = auto()
    STAGED = auto()
    COMMITTED = auto()
    ROLLED_BACK = auto()


def get_transaction() -> BaseTransaction | None:
    """Return the current transaction, or None."""
    return current.get()


_COMPARED = (
    *("key", "store", "children", "commit_mode", "isolation_level", "state"),
    *("on_commit_hooks", "on_rollback_hooks", "overwrite", "write_on_commit"),
)
"""The attributes that make transactions equal."""


class BaseTransaction:
    """Base of sync and async transactions.

    Args:
        store: The store of the value.
        key: The key of the value; without one nothing is written.
        children: The transactions that ended inside of it.
        commit_mode: When it commits; that of the enclosing transaction by default, else `LAZY`.
        isolation_level: What other transactions with the same key see; None for that of the enclosing transaction.
        state: Its state.
        on_commit_hooks: Called with the transaction when it commits, before its value is written.
        on_rollback_hooks: Called with the transaction when it is rolled back, the last first.
        overwrite: Whether an existing result is replaced.
        logger: The logger; that of the run by default.
        write_on_commit: Whether the staged value is written.
    """

    def __init__(
        self,
        *,
        store: results.ResultStore | None = None,
        key: str | None = None,
        children: list[BaseTransaction] | None = None,
        commit_mode: CommitMode | None = None,
        isolation_level: IsolationLevel | None = IsolationLevel.READ_COMMITTED,
        state: TransactionState = TransactionState.PENDING,
        on_commit_hooks: list[Hook] | None = None,
        on_rollback_hooks: list[Hook] | None = None,
        overwrite: bool = False,
        logger: Logger | None = None,
        write_on_commit: bool = True,
    ) -> None:
        self.store = store
        self.key = key
        self.children: list[BaseTransaction] = [] if children is None else children
        # Options may be texts: a cache policy's isolation level is one.
        self.commit_mode = commit_mode if commit_mode is None else CommitMode(commit_mode)
        self.isolation_level = isolation_level if isolation_level is None else IsolationLevel(isolation_level)
        self.state = state
        self.on_commit_hooks: list[Hook] = [] if on_commit_hooks is None else on_commit_hooks
        self.on_rollback_hooks: list[Hook] = [] if on_rollback_hooks is None else on_rollback_hooks
        self.overwrite = overwrite
        self.write_on_commit = write_on_commit
        self._logger = logger
        self._parent: BaseTransaction | None = None
        self._values: dict[str, Any] | None = None
        self._staged_value: Any = None
        self._holder: str | None = None
        self._found: results.ResultRecord[Any] | None = None

    def __eq__(self, other: object) -> bool:
        """Return whether the options and the state are equal."""
        if not isinstance(other, type(self)):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _COMPARED)

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # its state changes

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key={self.key!r}, state={self.state.value}, commit_mode={self.commit_mode})"

    @property
    def logger(self) -> Logger:
        """The logger of the transaction."""
        if self._logger is None:
            self._logger = _run_logger()
        return self._logger

    # --- state -------------------------------------------------------------------------------------------------------

    def is_pending(self) -> bool:
        """Return whether it has not begun."""
        return self.state is TransactionState.PENDING

    def is_active(self) -> bool:
        """Return whether it has begun and nothing is staged."""
        return self.state is TransactionState.ACTIVE

    def is_staged(self) -> bool:
        """Return whether a value is staged."""
        return self.state is TransactionState.STAGED

    def is_committed(self) -> bool:
        """Return whether it was committed, by itself or under the same key before."""
        return self.state is TransactionState.COMMITTED

    def is_rolled_back(self) -> bool:
        """Return whether it was rolled back."""
        return self.state is TransactionState.ROLLED_BACK

    @classmethod
    def get_active(cls) -> BaseTransaction | None:
        """Return the current transaction, or None."""
        return current.get()

    def get_parent(self) -> BaseTransaction | None:
        """Return the enclosing transaction, or None."""
        return self._parent

    # --- values ------------------------------------------------------------------------------------------------------

    def set(self, name: str, value: Any) -> None:
        """Set a value for the hooks and the enclosed transactions.

        Args:
            name: Its name. It hides a value of the same name of an enclosing transaction, and does not change it.
            value: Any object. `get` copies it.
        """
        if self._values is None:
            self._values = {}
        self._values[name] = value

    def get(self, name: str, default: Any = NotSet) -> Any:
        """Return a copy of a value that was set in this or an enclosing transaction.

        Args:
            name: The name it was set with.
            default: What to return when there is none.

        Raises:
            ValueError: There is none, and no default.
        """
        transaction: BaseTransaction | None = self
        while transaction is not None:
            if transaction._values is not None and name in transaction._values:
                return copy.deepcopy(transaction._values[name])
            transaction = transaction._parent
        if default is NotSet:
            raise ValueError(f"Could not retrieve value for unknown key: {name}")
        return default

    def stage(
        self,
        value: Any,
        on_rollback_hooks: list[Callable[..., Any]] | None = None,
        on_commit_hooks: list[Callable[..., Any]] | None = None,
    ) -> None:
        """Stage a value, which is written when the transaction commits. A committed transaction ignores it.

        Args:
            value: The value, or its record. It replaces one that was staged before.
            on_rollback_hooks: More hooks to call when it is rolled back.
            on_commit_hooks: More hooks to call when it commits.
        """
        if self.is_committed():
            return
        self._staged_value = value
        if on_rollback_hooks:
            self.on_rollback_hooks = [*self.on_rollback_hooks, *on_rollback_hooks]
        if on_commit_hooks:
            self.on_commit_hooks = [*self.on_commit_hooks, *on_commit_hooks]
        self.state = TransactionState.STAGED

    def add_child(self, transaction: BaseTransaction) -> None:
        """Commit and roll back another transaction together with this one."""
        self.children.append(transaction)

    # --- the block ---------------------------------------------------------------------------------------------------

    def prepare_transaction(self) -> None:
        """Inherit options from the enclosing transaction, and check that the store supports the isolation level.

        Raises:
            ConfigurationError: The store does not support it.
        """
        parent = self._parent = current.get()
        level = self.isolation_level or (parent and parent.isolation_level) or IsolationLevel.READ_COMMITTED
        self.isolation_level = level
        if self.commit_mode is None:
            self.commit_mode = parent.commit_mode if parent else CommitMode.LAZY
        if (
            level is not IsolationLevel.READ_COMMITTED
            and self.store is not None
            and not self.store.supports_isolation_level(level)
        ):
            raise ConfigurationError(
                f"Isolation level {level.value} is not supported by provided configuration. "
                "Please ensure you've provided a lock file directory or lock manager when using the SERIALIZABLE "
                "isolation level."
            )

    async def aenter(self) -> Self:
        self.prepare_transaction()
        try:
            await self._begin()
        except BaseException:
            self._release()
            raise
        current.set(self)
        return self

    async def aexit(self, failed: bool) -> None:
        if failed:
            await self._rollback()
        elif not self.is_committed() and not self.is_rolled_back():
            # One that has ended will not commit this one: a task that was submitted may end after its caller.
            is_outermost = self._parent is None or self._parent.is_committed()
            if self.commit_mode is CommitMode.EAGER or (is_outermost and self.commit_mode is CommitMode.LAZY):
                await self._commit()
            elif is_outermost:
                await self._rollback()
        await self._reset()

    async def _begin(self) -> None:
        self.state = TransactionState.ACTIVE
        if self.store is None or self.key is None:
            return
        if self._needs_lock():
            await self.store.aacquire_lock(self.key, holder=self._lock_holder())
        if not self.overwrite:
            self._found = await self._find(self.store, self.key)
            if self._found is not None:
                self.state = TransactionState.COMMITTED

    async def _find(self, store: results.ResultStore, key: str) -> results.ResultRecord[Any] | None:
        """Return the stored result. One that cannot be read is ignored, and will be replaced."""
        try:
            return await store.afind(key)
        except SerializationError as error:
            self.logger.warning("A stored result is ignored and will be replaced. %s", error)
            return None

    async def aread(self) -> results.ResultRecord[Any] | None:
        if self._found is not None and self.is_committed():
            return self._found
        if self.store is None or self.key is None:
            return None
        return await self.store.aread(self.key, holder=self._lock_holder())

    async def _reset(self) -> None:
        """Leave the block: the parent becomes current, adopts this transaction, and is rolled back with it."""
        parent = self._parent
        current.set(parent)
        if parent is not None:
            parent.add_child(self)
            if self.is_rolled_back():
                await parent._rollback()
        if self.is_committed() or self.is_rolled_back():
            self._release()

    async def _commit(self) -> bool:
        if self.is_committed() or self.is_rolled_back():
            self._release()
            return False
        try:
            for child in self.children:
                await child._commit()
            for hook in self.on_commit_hooks:
                await self._run_hook(hook, "commit")
            await self._write()
        except SerializationError as error:
            self.logger.warning(
                "Encountered an error while serializing result for transaction %r: %s Code execution will continue, "
                "but the transaction will not be committed.",
                self.key,
                error,
            )
            await self._rollback()
            return False
        except Exception:  # a user's hook failed: roll back and go on
            self.logger.exception("An error was encountered while committing transaction %r", self.key)
            await self._rollback()
            return False
        self.state = TransactionState.COMMITTED
        self._release()
        return True

    async def _write(self) -> None:
        if self.store is None or self.key is None or not self.write_on_commit:
            return
        if isinstance(self._staged_value, results.ResultRecord):
            await self.store.apersist_result_record(self._staged_value, holder=self._lock_holder())
        else:
            await self.store.awrite(self._staged_value, key=self.key, holder=self._lock_holder())

    async def _rollback(self) -> bool:
        if self.is_committed() or self.is_rolled_back():
            return False
        try:
            for hook in reversed(self.on_rollback_hooks):
                await self._run_hook(hook, "rollback")
        except Exception:  # a user's hook failed: the program must see the first error
            self.logger.exception("An error was encountered while rolling back transaction %r", self.key)
            self._release()
            return False
        self.state = TransactionState.ROLLED_BACK
        for child in reversed(self.children):
            await child._rollback()
        self._release()
        return True

    async def _run_hook(self, hook: Callable[..., Any], hook_type: str) -> None:
        name = getattr(hook, "__name__", None) or type(hook).__name__
        self.logger.debug("Running %s hook %r", hook_type, name)
        try:
            await call_user(hook, self)
        except Exception:
            self.logger.error("An error was encountered while running %s hook %r", hook_type, name)
            raise

    # --- the lock ----------------------------------------------------------------------------------------------------

    def _needs_lock(self) -> bool:
        return self.isolation_level is not IsolationLevel.READ_COMMITTED and self.isolation_level is not None

    def _lock_holder(self) -> str:
        # That of the enclosing transaction: its tasks must not wait for each other's locks, which it holds to its end.
        if self._holder is None:
            self._holder = self._parent._lock_holder() if self._parent is not None else str(new_id())
        return self._holder

    def _release(self) -> None:
        if self._holder is None or not self._needs_lock() or self.store is None or self.key is None:
            return
        if self.store.lock_manager is not None and self.store.is_lock_holder(self.key, self._holder):
            self.store.release_lock(self.key, self._holder)


def _run_logger() -> Logger:
    try:
        return loggers.get_run_logger()
    except MissingContextError:
        return loggers.get_logger("transactions")
