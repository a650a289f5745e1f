"""Attribute access of the modules of this package: an environment variable first, then the getter of the field."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from prefect.exceptions import PrefectException


def _as_bool(text: str) -> bool:
    return text.lower() in ("true", "1", "yes")


_CASTS: dict[type, Callable[[str], Any]] = {
    bool: _as_bool,
    int: int,
    float: float,
    str: str,
    datetime: datetime.fromisoformat,
    type(None): str,
}

type_cast = _CASTS


def attributes(
    module: str, fields: Mapping[str, Callable[[], Any]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and `__dir__` of a runtime module.

    Args:
        module: The module's last name, in the environment variables.
        fields: The getter of each attribute.
    """

    def __getattr__(name: str) -> Any:
        getter = fields.get(name)
        mocked = os.environ.get(f"PREFECT__RUNTIME__{module.upper()}__{name.upper()}")
        if getter is None:
            if mocked is None:
                raise AttributeError(f"prefect.runtime.{module} has no attribute {name!r}")
            return mocked
        try:
            real = getter()
        except PrefectException:
            raise
        except Exception as error:  # what reads all attributes of all modules expects no other error
            raise AttributeError(f"prefect.runtime.{module}.{name} cannot be read: {error}") from error
        return real if mocked is None else _cast(mocked, real, f"prefect.runtime.{module}.{name}")

    return __getattr__, lambda: sorted(fields)


def _cast(text: str, real: Any, name: str) -> Any:
    cast = _CASTS.get(type(real))
    if cast is None:
        raise ValueError(f"{name} cannot be replaced by an environment variable: it is a {type(real).__name__}.")
    return cast(text)


def find_url(kind: Literal["flow-run", "task-run"], run_id: str | None, url_type: Literal["api", "ui"]) -> str | None:
    """Return the URL of a run in the API or in the web page; None outside of runs."""
    if run_id is None:
        return None
    from prefect.client.urls import url_for

    return url_for(kind, obj_id=run_id, url_type=url_type)
