"""Blocks of one value: a secret, and the plain values that earlier releases had."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import Field, JsonValue, SecretStr, field_validator
from pydantic import Secret as SecretValue

from prefect.blocks.core import Block
from prefect.types._annotated import AwareDateTime

__all__ = ["JSON", "DateTime", "Secret", "String"]

T = TypeVar("T", bound=Annotated[str, Field(title="string")] | Annotated[JsonValue, Field(title="JSON")])


class Secret(Block, Generic[T]):
    """A value that is stored encrypted, and shown as asterisks.

    Attributes:
        value: The value: a text, or any JSON value.

    Example:
        ```python
        from prefect.blocks.system import Secret

        Secret(value="sk-1234567890").save("my-token")
        token = Secret.load("my-token").get()
        ```
    """

    # The checksum of the interface covers its descriptions.
    _description: ClassVar[str | None] = (
        "A block that represents a secret value. The value stored in this block will be obfuscated when this block "
        "is viewed or edited in the UI."
    )

    value: SecretStr | SecretValue[T] = Field(
        description="A value that should be kept secret.",
        examples=["sk-1234567890", {"username": "johndoe", "password": "s3cr3t"}],
        json_schema_extra={"writeOnly": True, "format": "password"},
    )

    @field_validator("value", mode="before")
    @classmethod
    def _hide(cls, value: Any) -> Any:
        """Hide a value that is not hidden yet."""
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        return value if isinstance(value, SecretValue) else SecretValue[Any](value)

    def get(self) -> T | str:
        """Return the value."""
        return self.value.get_secret_value()


class String(Block):
    """A text.

    Attributes:
        value: The text.
    """

    value: str


class JSON(Block):
    """A JSON value.

    Attributes:
        value: The value.
    """

    _block_type_slug: ClassVar[str | None] = "json"

    value: Any


class DateTime(Block):
    """A point in time.

    Attributes:
        value: The time, in UTC if it names no zone.
    """

    _block_type_name: ClassVar[str | None] = "Date Time"

    value: AwareDateTime
