"""The annotations and the signature of a function, also where an annotation names something that does not exist.

Since Python 3.14 annotations are evaluated when they are read, so reading fails for such a name. Here a forward
reference takes its place, as a quoted annotation always did.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import inspect


def read_annotations(fn: Any) -> Mapping[str, Any]:
    """Return the annotations of a function by parameter name; empty for an object that has none."""
    try:
        return getattr(fn, "__annotations__", None) or {}  # a mock has None
    except NameError:
        annotationlib = _annotationlib()
        return annotationlib.get_annotations(fn, format=annotationlib.Format.FORWARDREF)


def read_signature(fn: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function.

    Raises:
        ValueError: Python knows no signature, as for some functions written in C.
    """
    import inspect

    try:
        return inspect.signature(fn)
    except NameError:
        options: dict[str, Any] = {"annotation_format": _annotationlib().Format.FORWARDREF}
        return inspect.signature(fn, **options)
    except TypeError:
        if not callable(fn):
            raise
        return inspect.signature(fn.__call__)  # Python 3.11.2 takes an async mock for a function


def _annotationlib() -> Any:
    return importlib.import_module("annotationlib")  # since Python 3.14
