"""Options of Ray for the task runs that are submitted in a block."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, ClassVar

from prefect.context import ContextModel, ContextVar


class RemoteOptionsContext(ContextModel):
    """The options of Ray for runs that are submitted in this context."""

    current_remote_options: dict[str, Any]

    _var: ClassVar[ContextVar[Any]] = ContextVar("remote_options_context")
    _defaults: ClassVar[dict[str, Any]] = {"current_remote_options": dict}

    @classmethod
    def get(cls) -> RemoteOptionsContext:
        """Return the current context; an empty one outside of any `remote_options` block."""
        return cls._var.get(None) or cls()


@contextmanager
def remote_options(**new_remote_options: Any) -> Generator[None]:
    """Pass options of Ray to the runs that are submitted in the block, in addition to the options of enclosing blocks.

    Args:
        new_remote_options: For instance `num_cpus=2`, `num_gpus=1`, `resources={"disk": 1}`, `memory=2**30`.
    """
    current = RemoteOptionsContext.get().current_remote_options
    with RemoteOptionsContext(current_remote_options={**current, **new_remote_options}):
        yield
