"""Types of block fields with secret values."""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.types import SecretDict

__all__ = ["SecretDict"]

_EXPORTS = {
    "prefect.types": "SecretDict",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
