"""E-mail, through a real mail server on loopback."""

import email
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from prefect import flow
from prefect_email import EmailServerCredentials, SMTPServer, SMTPType, email_send_message
from tools.ports import find_free_port


class Mailbox:
    """Keeps what it receives from those who log in."""

    def __init__(self) -> None:
        self.received: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.received.append(envelope)
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"me@example.com", b"hush"), handled=False)


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    port = find_free_port()
    box = Mailbox()
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=port,
        authenticator=box.authenticate,
        auth_require_tls=False,
        auth_required=True,
    )
    controller.start()
    yield box, port
    controller.stop()


def credentials(port: int, password: str = "hush") -> EmailServerCredentials:
    return EmailServerCredentials(
        username="me@example.com", password=password, smtp_server="127.0.0.1", smtp_type="insecure", smtp_port=port
    )


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
def test_message_is_sent_to_all_recipients(mailbox, tmp_path):
    box, port = mailbox
    credentials(port).save("mail")
    (tmp_path / "report.csv").write_text("a,b\n")

    @flow
    def report() -> None:
        email_send_message(
            EmailServerCredentials.load("mail"),
            subject="Done",
            msg="<b>done</b>",
            msg_plain="done",
            email_to="a@example.com, b@example.com",
            email_to_bcc=["c@example.com"],
            attachments=[tmp_path / "report.csv"],
        )

    report()
    (envelope,) = box.received
    sent = email.message_from_bytes(envelope.content)
    assert envelope.rcpt_tos == ["a@example.com", "b@example.com", "c@example.com"]
    assert (sent["Subject"], sent["From"], sent["Bcc"]) == ("Done", "me@example.com", None)
    kinds = [part.get_content_type() for part in sent.walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "text/html", "text/csv"]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
def test_wrong_password_is_refused_without_showing_it(mailbox):
    with pytest.raises(OSError, match="535") as caught:
        email_send_message.fn(credentials(mailbox[1], "wr0ng"), "s", "m", email_to="a@example.com")
    assert "wr0ng" not in str(caught.value) and "wr0ng" not in repr(credentials(1, "wr0ng"))


def test_message_without_recipients_is_refused():
    with pytest.raises(ValueError, match="no recipient"):
        email_send_message.fn(credentials(1), "s", "m")


def test_servers_and_types_have_names():
    block = EmailServerCredentials(smtp_server="outlook", smtp_type="starttls", verify=False)
    assert (block.smtp_server, block.smtp_type) == (SMTPServer.OUTLOOK, SMTPType.STARTTLS)
    assert EmailServerCredentials().smtp_server is SMTPServer.GMAIL
    block.save("mail")
    assert EmailServerCredentials.load("mail").smtp_type is SMTPType.STARTTLS
    with pytest.raises(ValueError, match="'tls' is not a type of connection"):
        EmailServerCredentials(smtp_type="tls")
