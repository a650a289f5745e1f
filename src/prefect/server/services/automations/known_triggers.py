"""The triggers of the enabled automations, prepared for evaluation, as of one moment of the store."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from prefect.schemas.wire.automations import TriggerTypes
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.automations import bucket_rows
from prefect.server.services.events import wanted_events
from prefect.server.store.queries import automations as queries
from prefect.triggers import buckets
from prefect.triggers.trees import TriggerIndex, TriggerTree

logger = logging.getLogger("prefect.server.automations")

_triggers: TypeAdapter[TriggerTypes] = TypeAdapter(TriggerTypes)


@dataclass(frozen=True)
class KnownTriggers:
    """The triggers of the enabled automations.

    Attributes:
        versions: When each automation was changed, by id.
        trees: Their triggers.
    """

    versions: Mapping[UUID, datetime]
    trees: Mapping[UUID, TriggerTree]

    @cached_property
    def index(self) -> TriggerIndex:
        """The triggers by the names of events."""
        return TriggerIndex(self.trees)

    def remember_wanted_events(self, memory: dict[str, Any]) -> None:
        """Remember, in the memory of a database, which events may concern a trigger: no others need to be evaluated."""
        revision = queries.describe_revision(self.versions)
        wanted_events.remember(memory, revision, lambda name: bool(self.index.find_candidates(name)))


NO_TRIGGERS = KnownTriggers({}, {})


def parse_trigger(trigger: Any, automation_id: UUID) -> TriggerTree:
    """Return the stored trigger of an automation, prepared for evaluation."""
    return TriggerTree(_triggers.validate_python(trigger), automation_id)


async def read_triggers(tx: Transaction, known: KnownTriggers) -> KnownTriggers:
    """Return the triggers as they are now, and open the windows of those that wait for nothing to start them.

    Args:
        tx: The transaction.
        known: The triggers as they were before: those that did not change are not prepared again.
    """
    versions = await queries.find_versions(tx)
    changed = [id_ for id_, updated in versions.items() if known.versions.get(id_) != updated]
    rows = await store.automations.get_many(tx, changed) if changed else {}
    trees = {id_: known.trees[id_] for id_ in versions if id_ not in rows and id_ in known.trees}
    for id_, row in rows.items():
        try:
            trees[id_] = tree = parse_trigger(row["trigger"], id_)
        except ValidationError:
            logger.exception("The trigger of the automation %r (%s) cannot be read", row["name"], id_)
            continue
        opened = [
            bucket_rows.to_row(key, trigger, buckets.open_bucket(trigger, row["updated"], labels={}))
            for key, trigger in tree.find_rolling()
        ]
        await store.buckets.add(tx, opened)
    return KnownTriggers(versions, trees)
