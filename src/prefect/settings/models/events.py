"""Settings of event clients."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class EventsSettings(PrefectBaseSettings):
    """Settings of event clients."""

    model_config = build_settings_config(("events",))

    worker_max_queue_size: int = setting(
        0, "How many events may wait to be sent; further ones are dropped. 0 means any number.", ge=0
    )
