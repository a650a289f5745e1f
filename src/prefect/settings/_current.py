"""The current settings, for the modules below `context`, which provides them when it is imported.

Importing any module of `prefect.settings` imports `context`, so these functions are always there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.settings._protocols import CurrentContext

get_context: Callable[[], CurrentContext]
"""Return the context of the settings that apply here."""
get_root_class: Callable[[], type[Any]]
"""Return the class of the tree of all settings."""


def set_providers(context: Callable[[], CurrentContext], root_class: Callable[[], type[Any]]) -> None:
    """Set the functions that return the current context and the class of the tree of all settings."""
    global get_context, get_root_class
    get_context, get_root_class = context, root_class
