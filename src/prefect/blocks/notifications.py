"""Blocks that send notifications: to services through apprise, and to any address over HTTP.

How each one is sent is in `prefect.notifications`, which the server's automations use, too.
"""

from __future__ import annotations

from abc import ABC
from typing import Any, ClassVar, Literal

from pydantic import AnyHttpUrl, Field, SecretStr

from prefect._io import twin
from prefect.blocks import persistence
from prefect.blocks.abstract import NotificationBlock, NotificationError
from prefect.notifications import sending, webhooks
from prefect.types._annotated import SecretDict

__all__ = [
    "PREFECT_NOTIFY_TYPE_DEFAULT",
    "AbstractAppriseNotificationBlock",
    "AppriseNotificationBlock",
    "CustomWebhookNotificationBlock",
    "DiscordWebhook",
    "MattermostWebhook",
    "MicrosoftTeamsWebhook",
    "NotificationBlock",
    "NotificationError",
    "OpsgenieWebhook",
    "PagerDutyWebHook",
    "SendgridEmail",
    "SlackWebhook",
    "TwilioSMS",
]

PREFECT_NOTIFY_TYPE_DEFAULT = "info"

_DOCUMENTATION = "https://docs.prefect.io/latest/automate/events/automations-triggers"


class AbstractAppriseNotificationBlock(NotificationBlock, ABC):
    """Base of the blocks that send through apprise."""

    _documentation_url: ClassVar[Any] = _DOCUMENTATION
    _service: ClassVar[str]
    """The slug of the block type whose way of sending the class has."""

    notify_type: Literal["info", "success", "warning", "failure"] = Field(
        default=PREFECT_NOTIFY_TYPE_DEFAULT, description="The type of notification being performed."
    )

    async def anotify(self, body: str, subject: str | None = None) -> None:
        """Send a notification. One that cannot be sent is a warning in the log; see `raise_on_failure`.

        Args:
            body: The text.
            subject: The subject or title.

        Raises:
            NotificationError: It cannot be sent, inside of `raise_on_failure`.
            ImportError: The package `apprise` is not installed.
        """
        data = persistence.dump_document(self)
        try:
            await sending.send_with_apprise(self._service, data, body, subject)
        except NotificationError as error:
            if self._raise_on_failure:
                raise
            self.logger.warning("The notification was not sent: %s", error)

    notify = twin(anotify)  # pyright: ignore[reportAssignmentType]  # awaitable by context


class AppriseNotificationBlock(AbstractAppriseNotificationBlock, ABC):
    """A service by its apprise URL, such as `mailto://user:password@example.com`."""

    _description: ClassVar[str | None] = "A base class for sending notifications using Apprise, through webhook URLs."
    _service: ClassVar[str] = "apprisenotificationblock"

    url: SecretStr = Field(
        title="Webhook URL",
        description="Incoming webhook URL used to send notifications.",
        examples=["https://hooks.example.com/XXX"],
    )
    allow_private_urls: bool = Field(
        default=True, description="Whether to allow notifications to private URLs. Defaults to True."
    )


class SlackWebhook(AppriseNotificationBlock):
    """A channel of Slack, by an incoming webhook.

    Example:
        ```python
        from prefect.blocks.notifications import SlackWebhook

        SlackWebhook.load("BLOCK_NAME").notify("The load has finished.")
        ```
    """

    _block_type_name: ClassVar[str | None] = "Slack Webhook"
    _description: ClassVar[str | None] = (
        "Enables sending notifications via a provided Slack webhook.\n\n"
        "Supports both standard Slack webhooks (hooks.slack.com) and Slack GovCloud\nwebhooks (hooks.slack-gov.com)."
    )
    _service: ClassVar[str] = "slack-webhook"

    url: SecretStr = Field(
        title="Webhook URL",
        description="Slack incoming webhook URL used to send notifications.",
        examples=["https://hooks.slack.com/XXX"],
    )


class MicrosoftTeamsWebhook(AppriseNotificationBlock):
    """A channel of Microsoft Teams, by a workflow of Power Automate."""

    _block_type_name: ClassVar[str | None] = "Microsoft Teams Webhook"
    _block_type_slug: ClassVar[str | None] = "ms-teams-webhook"
    _description: ClassVar[str | None] = "Enables sending notifications via a provided Microsoft Teams webhook."
    _service: ClassVar[str] = "ms-teams-webhook"

    url: SecretStr = Field(
        title="Webhook URL",
        description="The Microsoft Power Automate (Workflows) URL used to send notifications to Teams.",
        examples=[
            "https://prod-NO.LOCATION.logic.azure.com:443/workflows/WFID/triggers/manual/paths/invoke"
            "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=SIGNATURE"
        ],
    )
    include_image: bool = Field(default=True, description="Include an image with the notification.")
    wrap: bool = Field(default=True, description="Wrap the notification text.")


class PagerDutyWebHook(AbstractAppriseNotificationBlock):
    """Alerts of PagerDuty."""

    _block_type_name: ClassVar[str | None] = "Pager Duty Webhook"
    _block_type_slug: ClassVar[str | None] = "pager-duty-webhook"
    _description: ClassVar[str | None] = "Enables sending notifications via a provided PagerDuty webhook."
    _service: ClassVar[str] = "pager-duty-webhook"

    notify_type: Literal["info", "success", "warning", "failure"] = Field(
        default=PREFECT_NOTIFY_TYPE_DEFAULT, description="The severity of the notification."
    )
    integration_key: SecretStr = Field(
        description=(
            "This can be found on the Events API V2 integration's detail page, and is also referred to as a Routing "
            "Key. This must be provided alongside `api_key`, but will error if provided alongside `url`."
        )
    )
    api_key: SecretStr = Field(
        title="API Key",
        description=(
            "This can be found under Integrations. This must be provided alongside `integration_key`, but will error "
            "if provided alongside `url`."
        ),
    )
    source: str | None = Field(default="Prefect", description="The source string as part of the payload.")
    component: str = Field(default="Notification", description="The component string as part of the payload.")
    group: str | None = Field(default=None, description="The group string as part of the payload.")
    class_id: str | None = Field(default=None, title="Class ID", description="The class string as part of the payload.")
    region_name: Literal["us", "eu"] = Field(default="us", description="The region name.")
    clickable_url: AnyHttpUrl | None = Field(
        default=None, title="Clickable URL", description="A clickable URL to associate with the notice."
    )
    include_image: bool = Field(default=True, description="Associate the notification status via a represented icon.")
    custom_details: dict[str, str] | None = Field(
        default=None,
        description="Additional details to include as part of the payload.",
        examples=['{"disk_space_left": "145GB"}'],
    )


class TwilioSMS(AbstractAppriseNotificationBlock):
    """Text messages, sent by Twilio."""

    _block_type_name: ClassVar[str | None] = "Twilio SMS"
    _block_type_slug: ClassVar[str | None] = "twilio-sms"
    _description: ClassVar[str | None] = "Enables sending notifications via Twilio SMS."
    _service: ClassVar[str] = "twilio-sms"

    account_sid: str = Field(
        description="The Twilio Account SID - it can be found on the homepage of the Twilio console."
    )
    auth_token: SecretStr = Field(
        description="The Twilio Authentication Token - it can be found on the homepage of the Twilio console."
    )
    from_phone_number: str = Field(
        description="The valid Twilio phone number to send the message from.", examples=["18001234567"]
    )
    to_phone_numbers: list[str] = Field(
        description="A list of valid Twilio phone number(s) to send the message to.",
        examples=['["18004242424", "18004242425"]'],
    )


class OpsgenieWebhook(AbstractAppriseNotificationBlock):
    """Alerts of Opsgenie."""

    _block_type_name: ClassVar[str | None] = "Opsgenie Webhook"
    _block_type_slug: ClassVar[str | None] = "opsgenie-webhook"
    _description: ClassVar[str | None] = "Enables sending notifications via a provided Opsgenie webhook."
    _service: ClassVar[str] = "opsgenie-webhook"

    apikey: SecretStr = Field(title="API Key", description="The API Key associated with your Opsgenie account.")
    target_user: list[str] | None = Field(default=None, description="The user(s) you wish to notify.")
    target_team: list[str] | None = Field(default=None, description="The team(s) you wish to notify.")
    target_schedule: list[str] | None = Field(default=None, description="The schedule(s) you wish to notify.")
    target_escalation: list[str] | None = Field(default=None, description="The escalation(s) you wish to notify.")
    region_name: Literal["us", "eu"] = Field(default="us", description="The 2-character region code.")
    batch: bool = Field(default=False, description="Notify all targets in batches (instead of individually).")
    tags: list[str] | None = Field(
        default=None,
        description="A comma-separated list of tags you can associate with your Opsgenie message.",
        examples=['["tag1", "tag2"]'],
    )
    priority: int | None = Field(
        default=3,
        description=("The priority to associate with the message. It is on a scale between 1 (LOW) and 5 (EMERGENCY)."),
    )
    alias: str | None = Field(default=None, description="The alias to associate with the message.")
    entity: str | None = Field(default=None, description="The entity to associate with the message.")
    details: dict[str, str] | None = Field(
        default=None,
        description="Additional details composed of key/values pairs.",
        examples=['{"key1": "value1", "key2": "value2"}'],
    )


class MattermostWebhook(AbstractAppriseNotificationBlock):
    """Channels of a Mattermost server."""

    _block_type_name: ClassVar[str | None] = "Mattermost Webhook"
    _block_type_slug: ClassVar[str | None] = "mattermost-webhook"
    _description: ClassVar[str | None] = "Enables sending notifications via a provided Mattermost webhook."
    _service: ClassVar[str] = "mattermost-webhook"

    hostname: str = Field(description="The hostname of your Mattermost server.", examples=["Mattermost.example.com"])
    secure: bool = Field(default=False, description="Whether to use secure https connection.")
    token: SecretStr = Field(description="The token associated with your Mattermost webhook.")
    botname: str | None = Field(
        default=None, title="Bot name", description="The name of the bot that will send the message."
    )
    channels: list[str] | None = Field(default=None, description="The channel(s) you wish to notify.")
    include_image: bool = Field(
        default=False, description="Whether to include the Apprise status image in the message."
    )
    path: str | None = Field(default=None, description="An optional sub-path specification to append to the hostname.")
    port: int = Field(default=8065, description="The port of your Mattermost server.")


class DiscordWebhook(AbstractAppriseNotificationBlock):
    """A channel of Discord."""

    _block_type_name: ClassVar[str | None] = "Discord Webhook"
    _block_type_slug: ClassVar[str | None] = "discord-webhook"
    _description: ClassVar[str | None] = "Enables sending notifications via a provided Discord webhook."
    _service: ClassVar[str] = "discord-webhook"

    webhook_id: SecretStr = Field(
        description="The first part of 2 tokens provided to you after creating a incoming-webhook."
    )
    webhook_token: SecretStr = Field(
        description="The second part of 2 tokens provided to you after creating a incoming-webhook."
    )
    botname: str | None = Field(
        default=None,
        title="Bot name",
        description=(
            "Identify the name of the bot that should issue the message. If one isn't specified then the default is "
            "to just use your account (associated with the incoming-webhook)."
        ),
    )
    tts: bool = Field(default=False, description="Whether to enable Text-To-Speech.")
    include_image: bool = Field(
        default=False,
        description="Whether to include an image in-line with the message describing the notification type.",
    )
    avatar: bool = Field(default=False, description="Whether to override the default discord avatar icon.")
    avatar_url: str | None = Field(
        default=None,
        title="Avatar URL",
        description=(
            "Over-ride the default discord avatar icon URL. By default this is not set and Apprise chooses the URL "
            "dynamically based on the type of message (info, success, warning, or error)."
        ),
    )


class SendgridEmail(AbstractAppriseNotificationBlock):
    """E-mail, sent by Sendgrid."""

    _block_type_name: ClassVar[str | None] = "Sendgrid Email"
    _block_type_slug: ClassVar[str | None] = "sendgrid-email"
    _description: ClassVar[str | None] = "Enables sending notifications via Sendgrid email service."
    _service: ClassVar[str] = "sendgrid-email"

    api_key: SecretStr = Field(title="API Key", description="The API Key associated with your sendgrid account.")
    sender_email: str = Field(
        title="Sender email id", description="The sender email id.", examples=["test-support@gmail.com"]
    )
    to_emails: list[str] = Field(
        title="Recipient emails",
        description="Email ids of all recipients.",
        examples=['["recipient1@gmail.com", "recipient2@gmail.com"]'],
    )


_TEMPLATE_EXAMPLE = r'{"text": "{{subject}}\n{{body}}", "title": "{{name}}", "token": "{{tokenFromSecrets}}"}'


class CustomWebhookNotificationBlock(NotificationBlock):
    """Any address over HTTP. Its texts may have placeholders for `subject`, `body`, `name` and the secrets.

    Example:
        ```python
        from prefect.blocks.notifications import CustomWebhookNotificationBlock

        CustomWebhookNotificationBlock.load("BLOCK_NAME").notify("The load has finished.")
        ```
    """

    _block_type_name: ClassVar[str | None] = "Custom Webhook"
    _documentation_url: ClassVar[Any] = _DOCUMENTATION
    _description: ClassVar[str | None] = (
        "Enables sending notifications via any custom webhook.\n\n"
        "All nested string param contains `{{key}}` will be substituted with value from context/secrets.\n\n"
        "Context values include: `subject`, `body` and `name`."
    )

    name: str = Field(description="Name of the webhook.")
    url: str = Field(title="Webhook URL", description="The webhook URL.", examples=["https://hooks.slack.com/XXX"])
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="POST", description="The webhook request method. Defaults to `POST`."
    )
    params: dict[str, str] | None = Field(default=None, title="Query Params", description="Custom query params.")
    json_data: dict[str, Any] | None = Field(
        default=None, title="JSON Data", description="Send json data as payload.", examples=[_TEMPLATE_EXAMPLE]
    )
    form_data: dict[str, str] | str | None = Field(
        default=None,
        title="Form Data",
        description=(
            "Send form data as payload. Should not be used together with _JSON Data_. Can be a dictionary for "
            "form-encoded data or a string for raw body content."
        ),
        examples=[_TEMPLATE_EXAMPLE],
    )
    headers: dict[str, str] | None = Field(default=None, description="Custom headers.")
    cookies: dict[str, str] | None = Field(default=None, description="Custom cookies.")
    timeout: float = Field(default=10, description="Request timeout in seconds. Defaults to 10.")
    allow_private_urls: bool = Field(
        default=True, description="Whether to allow notifications to private URLs. Defaults to True."
    )
    secrets: SecretDict = Field(
        default_factory=lambda: SecretDict({}),
        title="Custom Secret Values",
        description="A dictionary of secret values to be substituted in other configs.",
        examples=['{"tokenFromSecrets":"SomeSecretToken"}'],
    )

    def block_initialization(self) -> None:
        """Check the placeholders.

        Raises:
            ValueError: There are both form data and JSON data.
            KeyError: A placeholder has no value.
        """
        webhooks.check_custom_webhook(persistence.dump_document(self))

    async def anotify(self, body: str, subject: str | None = None) -> None:
        """Send a notification.

        Args:
            body: The value of the placeholder `body`.
            subject: The value of the placeholder `subject`; empty by default.

        Raises:
            httpx.HTTPStatusError: The answer is an error.
            httpx.TransportError: There is no answer.
            ValueError: The host is in a private network, and `allow_private_urls` is False.
        """
        await sending.send_custom_webhook(persistence.dump_document(self), body, subject)

    notify = twin(anotify)  # pyright: ignore[reportAssignmentType]  # awaitable by context
