"""The block of a webhook to call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, SecretStr

from prefect.blocks import persistence
from prefect.blocks.core import Block
from prefect.notifications import webhooks
from prefect.types._annotated import SecretDict

if TYPE_CHECKING:
    from httpx import Response

__all__ = ["Webhook"]


class Webhook(Block):
    """A webhook: an address with a method and headers.

    Example:
        ```python
        from prefect.blocks.webhook import Webhook

        async def report(rows: int) -> None:
            webhook = await Webhook.aload("BLOCK_NAME")
            await webhook.call({"rows": rows})
        ```
    """

    _block_type_name: ClassVar[str | None] = "Webhook"
    _description: ClassVar[str | None] = "Block that enables calling webhooks."

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="POST", description="The webhook request method. Defaults to `POST`."
    )
    url: SecretStr = Field(
        title="Webhook URL", description="The webhook URL.", examples=["https://hooks.slack.com/XXX"]
    )
    headers: SecretDict = Field(
        default_factory=lambda: SecretDict({}),
        title="Webhook Headers",
        description="A dictionary of headers to send with the webhook request.",
    )
    allow_private_urls: bool = Field(
        default=True, description="Whether to allow notifications to private URLs. Defaults to True."
    )
    verify: bool = Field(default=True, description="Whether or not to enforce a secure connection to the webhook.")

    async def call(self, payload: dict[str, Any] | str | None = None) -> Response:
        """Call the webhook and return the response, also one with an error status.

        Args:
            payload: The body of the request: a text, or a dict to send as JSON.

        Raises:
            ValueError: The host is in a private network, and `allow_private_urls` is False.
            httpx.TransportError: There is no answer.
        """
        return await webhooks.call_webhook(persistence.dump_document(self), payload)
