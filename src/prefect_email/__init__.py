"""E-mail: credentials of a mail server, and a task that sends a message.

It uses public paths of `prefect` and the standard library only.
"""

from prefect_email.credentials import EmailServerCredentials, SMTPServer, SMTPType
from prefect_email.message import email_send_message

__all__ = ["EmailServerCredentials", "SMTPServer", "SMTPType", "email_send_message"]
