"""State that the parts of a server share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefect.server.app.shared_answers import SharedAnswers

if TYPE_CHECKING:
    from prefect.server.app.authentication import Authenticator
    from prefect.server.bus import Bus
    from prefect.server.db.interface import Database
    from prefect.settings import Settings


class ServerState:
    """A server as its websockets see it.

    Attributes:
        settings: Its settings.
        database: Its database.
        bus: Notifies of committed changes.
        authenticators: How callers are recognised, in the order in which they are tried.
        answers: What open pages were answered since the last change.
    """

    settings: Settings
    database: Database
    bus: Bus
    authenticators: Sequence[Authenticator]
    answers: SharedAnswers
