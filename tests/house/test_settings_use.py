"""Every setting does something: some code reads it, or a list says why none does."""

from __future__ import annotations

import json
from pathlib import Path

from prefect.settings.legacy import all_leaves
from tests.house.settings_use import find_read_settings

UNREAD: dict[str, list[str]] = json.loads((Path(__file__).parent / "data" / "unread-settings.json").read_text())
READ_BY_THEIR_GROUP = {"server.services.db_vacuum.enabled"}
"""Settings that a property of their own group reads."""


def test_every_setting_is_read_or_listed_with_the_reason() -> None:
    listed = {accessor for accessors in UNREAD.values() for accessor in accessors}
    unread = set(all_leaves()) - find_read_settings(set(all_leaves())) - READ_BY_THEIR_GROUP

    assert sorted(unread - listed) == [], "read the setting, or list it in unread-settings.json with the reason"
    assert sorted(listed - unread) == [], "the setting is read now: take it off the list"


def test_setting_that_nothing_reads_is_found() -> None:
    accessors = {"tasks.runner.invented", "tasks.disable_caching", "server.services.invented.enabled"}

    assert find_read_settings(accessors) == {"tasks.disable_caching"}
