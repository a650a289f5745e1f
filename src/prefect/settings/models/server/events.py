"""Settings of the server's events."""

from datetime import timedelta

from prefect.settings._types import Duration
from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class ServerEventsSettings(PrefectBaseSettings):
    """Settings of the server's events."""

    model_config = build_settings_config(("server", "events"), former_prefix="PREFECT_EVENTS_")

    causal_ordering: str = setting(
        "prefect.server.events.ordering.memory",
        "The module that brings events in the order in which they followed from each other.",
    )
    expired_bucket_buffer: Duration = setting(
        timedelta(seconds=60), "How long a proactive trigger's bucket is kept after its end.", renamed=True
    )
    maximum_event_name_length: int = setting(1024, "Characters that the name of an event may have.", gt=0)
    maximum_labels_per_resource: int = setting(500, "How many labels a resource of an event may have.", renamed=True)
    maximum_related_resources: int = setting(100, "How many related resources an event may have.", renamed=True)
    maximum_size_bytes: int = setting(1_500_000, "Bytes that an event may take.", renamed=True)
    maximum_websocket_backfill: Duration = setting(
        timedelta(seconds=900), "How far back an event subscription may look.", renamed=True
    )
    messaging_broker: str = setting(
        "prefect.server.utilities.messaging.memory",
        "The module that carries messages between the parts of a server.",
        aliases=("PREFECT_MESSAGING_BROKER",),
    )
    messaging_cache: str = setting(
        "prefect.server.utilities.messaging.memory",
        "The module that remembers which messages were seen.",
        aliases=("PREFECT_MESSAGING_CACHE",),
    )
    proactive_granularity: Duration = setting(
        timedelta(seconds=5), "How often proactive triggers are evaluated.", renamed=True
    )
    related_resource_cache_ttl: Duration = setting(
        timedelta(seconds=300),
        "How long the related resources of an event are remembered.",
        aliases=("PREFECT_API_EVENTS_RELATED_RESOURCE_CACHE_TTL",),
    )
    retention_period: Duration = setting(timedelta(days=7), "How long events are kept.", renamed=True)
    stream_out_enabled: bool = setting(
        True, "Whether events can be subscribed to.", aliases=("PREFECT_API_EVENTS_STREAM_OUT_ENABLED",)
    )
    websocket_backfill_page_size: int = setting(
        250, "How many past events are sent to a subscription in one page.", renamed=True, gt=0
    )
