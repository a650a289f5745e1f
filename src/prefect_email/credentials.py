"""Credentials of a mail server."""

from __future__ import annotations

import smtplib
import ssl
from enum import Enum
from typing import Any, ClassVar

from pydantic import Field, SecretStr, field_validator

from prefect.blocks.core import Block

TIMEOUT_SECONDS = 30.0


class SMTPType(Enum):
    """The protection of a connection, with its usual port."""

    SSL = 465
    STARTTLS = 587
    INSECURE = 25


class SMTPServer(Enum):
    """Servers of well-known providers."""

    AOL = "smtp.mail.aol.com"
    ATT = "smtp.mail.att.net"
    COMCAST = "smtp.comcast.net"
    ICLOUD = "smtp.mail.me.com"
    GMAIL = "smtp.gmail.com"
    OUTLOOK = "smtp-mail.outlook.com"
    YAHOO = "smtp.mail.yahoo.com"


class EmailServerCredentials(Block):
    """A mail server and how to log in to it.

    Attributes:
        username: The user; without one nobody logs in.
        password: The password.
        smtp_server: The server's address, or the name of a provider, such as `"gmail"`.
        smtp_type: How the connection is protected: `"SSL"`, `"STARTTLS"` or `"INSECURE"`.
        smtp_port: The port; the usual one by default.
        verify: Whether the server's certificate is verified.

    Example:
        ```python
        from prefect_email import EmailServerCredentials, email_send_message

        server = EmailServerCredentials.load("BLOCK_NAME")
        email_send_message(server, subject="Done", msg="The load has finished.", email_to="me@example.com")
        ```
    """

    _block_type_name: ClassVar[str | None] = "Email Server Credentials"

    username: str | None = Field(default=None, description="The username to use for authentication to the server.")
    password: SecretStr = Field(
        default=SecretStr(""), description="The password to use for authentication to the server."
    )
    smtp_server: SMTPServer | str = Field(
        default=SMTPServer.GMAIL, title="SMTP Server", description="Hostname or name of the SMTP server."
    )
    smtp_type: SMTPType | str = Field(
        default=SMTPType.SSL, title="SMTP Type", description="Either 'SSL', 'STARTTLS', or 'INSECURE'."
    )
    smtp_port: int | None = Field(default=None, title="SMTP Port", description="Port of the SMTP server.")
    verify: bool = Field(default=True, description="Whether to verify the server's certificate.")

    @field_validator("smtp_server", mode="before")
    @classmethod
    def _find_server(cls, value: Any) -> Any:
        return (
            SMTPServer[value.upper()] if isinstance(value, str) and value.upper() in SMTPServer.__members__ else value
        )

    @field_validator("smtp_type", mode="before")
    @classmethod
    def _find_type(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.upper() not in SMTPType.__members__:
            raise ValueError(
                f"{value!r} is not a type of connection: it must be one of {', '.join(SMTPType.__members__)}."
            )
        return SMTPType[value.upper()]

    def get_server(self) -> smtplib.SMTP:
        """Return a connection that is logged in; it is closed by its `with` block.

        Raises:
            OSError: The server cannot be reached, or refuses.
        """
        kind = self.smtp_type if isinstance(self.smtp_type, SMTPType) else SMTPType[self.smtp_type.upper()]
        server = self._connect(kind)
        try:
            if kind is SMTPType.STARTTLS:
                server.starttls(context=self._build_context())
            if self.username is not None:
                server.login(self.username, self.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _connect(self, kind: SMTPType) -> smtplib.SMTP:
        host = self.smtp_server.value if isinstance(self.smtp_server, SMTPServer) else self.smtp_server
        port = self.smtp_port or kind.value
        if kind is SMTPType.SSL:
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=self._build_context())
        return smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)

    def _build_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
