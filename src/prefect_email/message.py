"""Sending messages."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path

from prefect import task
from prefect_email.credentials import EmailServerCredentials

Addresses = str | Sequence[str] | None


@task
def email_send_message(
    email_server_credentials: EmailServerCredentials,
    subject: str,
    msg: str,
    msg_plain: str | None = None,
    email_from: str | None = None,
    email_to: Addresses = None,
    email_to_cc: Addresses = None,
    email_to_bcc: Addresses = None,
    attachments: Sequence[str | Path] | None = None,
) -> EmailMessage:
    """Send a message and return it.

    Args:
        email_server_credentials: The server.
        subject: The subject.
        msg: The text, as HTML.
        msg_plain: The text for readers without HTML.
        email_from: The sender; the user of the credentials by default.
        email_to: Recipients: a list, or one text with commas.
        email_to_cc: Recipients of copies.
        email_to_bcc: Recipients of copies whom nobody else sees.
        attachments: Files to attach.

    Raises:
        ValueError: There is no recipient.
        OSError: The server cannot be reached, or refuses the message.
    """
    recipients = {"To": _join(email_to), "Cc": _join(email_to_cc), "Bcc": _join(email_to_bcc)}
    if not any(recipients.values()):
        raise ValueError("The message has no recipient: pass `email_to`, `email_to_cc` or `email_to_bcc`.")
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = email_from or email_server_credentials.username or ""
    for name, value in recipients.items():
        if value:
            message[name] = value
    if msg_plain is not None:
        message.set_content(msg_plain)
        message.add_alternative(msg, subtype="html")
    else:
        message.set_content(msg, subtype="html")
    for path in map(Path, attachments or ()):
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        main, _, sub = kind.partition("/")
        message.add_attachment(path.read_bytes(), maintype=main, subtype=sub, filename=path.name)
    with email_server_credentials.get_server() as server:
        server.send_message(message)
    return message


def _join(addresses: Addresses) -> str:
    return addresses or "" if isinstance(addresses, str) or addresses is None else ", ".join(addresses)
