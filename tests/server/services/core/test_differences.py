"""What an event says about the change of a row."""

from prefect.server.services.core.differences import describe_changes


def test_describe_changes_names_changed_columns_with_both_values() -> None:
    before, after = {"name": "a", "limit": 1, "tags": []}, {"name": "b", "limit": 1, "tags": ["x"]}
    assert describe_changes(before, after, ["name", "limit", "tags"]) == {
        "updated_fields": ["name", "tags"],
        "updates": {"name": {"from": "a", "to": "b"}, "tags": {"from": [], "to": ["x"]}},
    }


def test_describe_changes_looks_at_named_columns_only() -> None:
    assert describe_changes({"name": "a"}, {"name": "b"}, ["limit"]) == {}


def test_describe_changes_takes_missing_columns_for_null() -> None:
    assert describe_changes({}, {"limit": None}, ["limit"]) == {}
    assert describe_changes({}, {"limit": 1}, ["limit"])["updates"] == {"limit": {"from": None, "to": 1}}
