"""The public path of the pages of events; they live in `prefect.schemas`."""

from prefect.schemas.events import EventPage as EventPage
from prefect.schemas.events import ReceivedEvent as ReceivedEvent
