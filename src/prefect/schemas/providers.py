"""Interfaces of higher packages that schemas use: results, settings, addresses.

Schemas must not import higher layers, but some of their public methods need them: `State.result` reads a stored
result, an event checks the limits of the settings. They call it through the names here, which `prefect/__init__.py`
binds to lazily imported modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Protocol

    class Settings(Protocol):
        """The part of `prefect.settings` that schemas use."""

        def get_current_settings(self) -> Any:
            """Return the settings in force."""
            ...

    class Results(Protocol):
        """The part of `prefect.results` that schemas use."""

        ResultRecordMetadata: Any

        async def load_reference(self, data: Any) -> Any:
            """Read the stored result that a record describes."""
            ...

    class Outcomes(Protocol):
        """The part of `prefect.schemas.outcomes` that a state uses."""

        async def get_state_result(self, state: Any, raise_on_failure: bool, retry_result_failure: bool) -> Any:
            """Return the result of a run in this state, or raise its exception."""
            ...

    class Urls(Protocol):
        """The part of `prefect.client.urls` that schemas use."""

        def url_for(self, obj: Any) -> str | None:
            """Return the address of an object in the web page."""
            ...


outcomes: Outcomes
results: Results
settings: Settings
urls: Urls


def bind(**modules: Any) -> None:
    """Bind modules to the names above."""
    globals().update(modules)
