"""Commands on concurrency limits and variables, in a local store."""

import json
from pathlib import Path

import pytest

from prefect.client.orchestration import get_client
from tests.cli.conftest import Prefect, table


def test_concurrency_limit_commands(prefect: Prefect) -> None:
    assert "limited to 3" in prefect("concurrency-limit", "create", "database", 3)
    prefect("concurrency-limit", "create", "--tag", "web", "-cl", 1)
    assert [row[::2] for row in table(prefect("concurrency-limits", "ls"))] == [["database", "3"], ["web", "1"]]
    assert len(table(prefect("concurrency-limit", "ls", "--limit", 1, "--offset", 1))) == 1
    holder = "11111111-1111-1111-1111-111111111111"
    get_client(sync_client=True).reset_concurrency_limit_by_tag("database", slot_override=[holder])
    shown = prefect("concurrency-limit", "inspect", "database")
    assert "Active task runs   1" in shown
    assert holder in shown
    assert json.loads(prefect("concurrency-limit", "inspect", "database", "-o", "json"))["active_slots"] == [holder]
    prefect("concurrency-limit", "reset", "database")
    assert holder not in prefect("concurrency-limit", "inspect", "database")
    prefect("concurrency-limit", "delete", "database")
    assert json.loads(prefect("concurrency-limit", "ls", "-o", "json"))[0]["tag"] == "web"


@pytest.mark.parametrize("verb", ["inspect", "reset", "delete"])
def test_unknown_tag_suggests_similar_one(prefect: Prefect, verb: str) -> None:
    prefect("concurrency-limit", "create", "database", 3)
    missing = "There is no concurrency limit 'databse'. Did you mean 'database'?"
    prefect("concurrency-limit", verb, "databse", code=1, error=missing)


def test_global_concurrency_limit_commands(prefect: Prefect, tmp_path: Path) -> None:
    prefect("gcl", "create", "api", "--limit", 5, "--slot-decay-per-second", 0.5)
    prefect("gcl", "create", "off", "-l", 2, "--disable", "--active-slots", 1)
    prefect("gcl", "create", "api", "-l", 2, code=1, error="There is already a global concurrency limit 'api'")
    assert [row[1:6] for row in table(prefect("gcl", "ls"))] == [
        ["api", "True", "5", "0", "0.5"],
        ["off", "False", "2", "1", "0.0"],
    ]
    prefect("gcl", "update", "api", "--limit", 9, "--active-slots", 2)
    shown = json.loads(prefect("gcl", "inspect", "api", "-o", "json"))
    assert (shown["limit"], shown["active_slots"], shown["active"]) == (9, 2, True)
    prefect("gcl", "inspect", "api", "-f", tmp_path / "limit.json")
    assert json.loads((tmp_path / "limit.json").read_text()) == shown
    prefect("gcl", "disable", "api")
    prefect("gcl", "disable", "api", code=1, error="The global concurrency limit 'api' is already disabled.")
    prefect("global-concurrency-limit", "update", "api", "--enable")
    assert json.loads(prefect("gcl", "inspect", "api", "-o", "json"))["active"] is True
    prefect("gcl", "update", "api", code=1, error="Pass at least one of")
    prefect("gcl", "update", "api", "--enable", "--disable", code=1, error="Use either --enable or --disable.")
    prefect("gcl", "delete", "off")
    prefect("gcl", "inspect", "off", code=1, error="There is no global concurrency limit 'off'.")


def test_variable_commands(prefect: Prefect) -> None:
    prefect("variable", "set", "limits", '{"a": 1}', "--tag", "x", "--tag", "y")
    assert prefect("variable", "get", "limits") == '{"a":1}\n'
    prefect("variable", "set", "limits", "2", code=1, error="There is already a variable 'limits'; pass --overwrite")
    prefect("variable", "set", "limits", "two words", "--overwrite")
    shown = json.loads(prefect("variable", "inspect", "limits", "-o", "json"))
    assert (shown["value"], shown["tags"]) == ("two words", ["x", "y"])
    assert prefect("variable", "get", "limits") == "two words\n"
    assert table(prefect("variable", "ls"))[0][:2] == ["limits", "two words"]
    prefect("variable", "get", "limit", code=1, error="There is no variable 'limit'. Did you mean 'limits'?")
    prefect("variable", "delete", "limits")
    prefect("variable", "unset", "limits", code=1, error="There is no variable 'limits'.")


def test_invalid_name_error_names_the_field(prefect: Prefect) -> None:
    prefect("variable", "set", "a b", "1", code=1, error="name: ")
    prefect("gcl", "create", "a/b", "-l", 1, code=1, error="name: ")
