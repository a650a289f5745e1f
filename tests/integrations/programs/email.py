"""A mail reaches a server on this machine."""

import os

from prefect import flow
from prefect_email import EmailServerCredentials, email_send_message


@flow
def main() -> object:
    credentials = EmailServerCredentials(
        username="from@example.org",
        password="secret",
        smtp_server="127.0.0.1",
        smtp_port=int(os.environ["SMTP_PORT"]),
        smtp_type="INSECURE",
    )
    return (
        email_send_message.with_options(name="send")
        .submit(
            email_server_credentials=credentials, subject="Flow done", msg="All went well.", email_to="to@example.org"
        )
        .result()
    )


assert main() is not None
