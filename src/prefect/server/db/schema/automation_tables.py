"""The tables of automations: automations, events to evaluate, buckets of triggers, firings and jobs of actions."""

from __future__ import annotations

from prefect.server.db.schema.declaration import RECORD_COLUMNS, Index, Table, columns

AUTOMATION = Table(
    "automation",
    (
        *RECORD_COLUMNS,
        *columns("text", "name! description!"),
        *columns("bool", "enabled!"),
        *columns("array", "tags"),
        *columns("json", "trigger! actions actions_on_trigger actions_on_resolve"),
        *columns("text", "owner_resource"),
        *columns("array", "related"),  # the resources that its actions name
    ),
    # Those that are enabled, and when they changed: whether there are any, and which must be read anew.
    indexes=(Index("automation_enabled", ("id", "updated"), where="enabled"),),
)

EVENT_QUEUE = Table("event_queue", (*columns("uuid", "id!"), *columns("text", "keys!")))
"""Committed events for which triggers have not been evaluated yet: keys of events that were added together."""

HELD_EVENT = Table("held_event", (*columns("uuid", "id! follows!"), *columns("time", "occurred! until!")))
"""Events whose evaluation waits for the event that they follow, until a time."""

BUCKET = Table(
    "bucket",
    (
        *columns("uuid", "id! automation_id! trigger_id!"),
        *columns("time", "start! until due!"),  # `due` is when the bucket must be evaluated
        *columns("int", "count!"),
        *columns("bool", "fired!"),
        *columns("time", "event_occurred"),
        *columns("uuid", "event_id"),
        *columns("object", "labels children"),
    ),
    indexes=(
        Index("bucket_by_due", ("due",)),  # windows that are over
        Index("bucket_by_automation", ("automation_id",)),  # what an automation remembers
    ),
)
"""The progress of triggers between events. An id is derived from the trigger and the group of events."""

FIRING = Table(
    "firing",
    (
        *columns("uuid", "id! automation_id! trigger_id!"),
        *columns("time", "created! triggered!"),
    ),
    indexes=(Index("firing_by_age", ("created",)),),  # firings that are old
)
"""Firings of automations. An id is made of the automation's, the trigger's and the window, so each is there once."""

ACTION_JOB = Table(
    "action_job",
    (
        *columns("uuid", "id! automation_id!"),
        *columns("time", "created! due!"),
        *columns("int", "attempts!"),
        *columns("text", "owner"),
        *columns("json", "body!"),
    ),
    indexes=(
        Index("action_job_by_due", ("due",)),  # what is to be done next
        Index("action_job_claimed", ("owner",), where="owner IS NOT NULL"),  # what another server had begun
    ),
)
"""Actions of firings that are not done yet. `owner` is the server that has begun one, until `due`."""
