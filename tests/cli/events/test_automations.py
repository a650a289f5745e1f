"""Commands on automations, blocks and block types, in a local store."""

import json
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from prefect.client.orchestration import get_client
from prefect.schemas.actions import BlockDocumentCreate, BlockSchemaCreate, BlockTypeCreate
from tests.cli.conftest import Prefect, table

ALERT = {"name": "alert", "trigger": {"type": "event", "expect": ["paid"]}, "actions": [{"type": "do-nothing"}]}


def test_automation_commands(prefect: Prefect, tmp_path: Path) -> None:
    file = tmp_path / "automations.yaml"
    file.write_text(yaml.safe_dump({"automations": [ALERT, {**ALERT, "name": "other", "enabled": False}]}))
    assert prefect("automation", "create", "-f", file).count("Created automation") == 2
    rows = table(prefect("automation", "ls"))
    assert [(row[0], row[2], row[4]) for row in rows] == [
        ("alert", "True", "Do nothing"),
        ("other", "False", "Do nothing"),
    ]
    id = rows[0][1]
    shown = json.loads(prefect("automation", "inspect", "alert", "-o", "json"))
    assert shown == yaml.safe_load(prefect("automation", "inspect", "alert", "--yaml"))
    assert json.loads(prefect("automation", "inspect", "--id", id, "--json")) == shown[0]
    assert "Reactive: expecting 1 of {'paid'}" in prefect("automations", "inspect", "alert")
    prefect("automation", "pause", "alert")
    assert table(prefect("automation", "ls"))[0][2] == "False"
    prefect("automation", "enable", "--id", id)
    prefect("automation", "update", "--id", id, "-j", json.dumps({**ALERT, "description": "new"}))
    shown = json.loads(prefect("automation", "inspect", "alert", "--json"))[0]
    assert (shown["description"], shown["enabled"]) == ("new", True)
    prefect("automation", "resume", "allert", code=1, error="There is no automation 'allert'. Did you mean 'alert'?")
    prefect("automation", "delete", "alert")
    prefect("automation", "inspect", "--id", id, code=1, error=f"There is no automation '{id}'.")
    assert prefect("automation", "delete", "--all").startswith("Deleted automation 'other'")
    assert "There are no automations" in prefect("automation", "delete", "--all")


def test_delete_fails_for_ambiguous_name(prefect: Prefect) -> None:
    prefect("automation", "create", "--from-json", json.dumps([ALERT, ALERT]))
    prefect("automation", "delete", "alert", code=1, error="2 automations are named 'alert': use --id")
    assert prefect("automation", "disable", "alert").count("Paused automation") == 2


def test_create_rejects_invalid_template(prefect: Prefect) -> None:
    action = {"type": "call-webhook", "block_document_id": str(uuid4()), "payload": "{{ event "}
    error = "automation.actions.0.CallWebhook.payload is not valid: This is not a template: "
    prefect("automation", "create", "-j", json.dumps({**ALERT, "actions": [action]}), code=1, error=error)


@pytest.mark.parametrize(
    ("definition", "error"),
    [
        ("{", "--from-json cannot be parsed: "),
        ("[]", "--from-json contains no automation."),
        (json.dumps({**ALERT, "actions": [{"type": "nothing"}]}), "the action type 'nothing' is not one of "),
        (json.dumps({"trigger": {"type": "event", "within": "x"}, "actions": []}), "name: Field required; trigger."),
        (
            json.dumps({**ALERT, "trigger": {"type": "event", "posture": "Lazy"}}),
            "trigger.event.posture: 'Lazy' is not Reactive or Proactive.",
        ),
        (
            json.dumps({**ALERT, "trigger": {"type": "lazy"}}),
            "trigger: the type 'lazy' is not one of event, metric, compound, sequence.",
        ),
        (
            json.dumps({**ALERT, "actions": [{"type": "run-deployment", "source": "selected"}]}),
            "actions.0.RunDeployment: deployment_id is required",
        ),
        (
            json.dumps({**ALERT, "trigger": {"type": "event", "expects": ["x"]}}),
            "there is no field 'trigger.expects'. Did you mean 'expect'?",
        ),
        (
            json.dumps(
                {
                    **ALERT,
                    "actions": [
                        {"type": "do-nothing"},
                        {"type": "call-webhook", "block_document_id": str(uuid4()), "payloads": "x"},
                    ],
                }
            ),
            "there is no field 'actions.1.payloads'. Did you mean 'payload'?",
        ),
    ],
)
def test_create_rejects_invalid_definition(prefect: Prefect, definition: str, error: str) -> None:
    if not error.startswith("--from-json"):
        error = f"--from-json contains an invalid automation: {error}"
    prefect("automation", "create", "-j", definition, code=1, error=error)


@pytest.fixture
def block(home: Path) -> str:
    """The id of the block `door/front` of a type with a secret."""
    client = get_client(sync_client=True)
    door = client.create_block_type(BlockTypeCreate(name="Door", slug="door", description="A way in."))
    fields = {
        "title": "Door",
        "type": "object",
        "properties": {
            "code": {"type": "string", "format": "password", "description": "Opens it."},
            "colour": {"type": "string"},
        },
        "required": ["code"],
        "secret_fields": ["code"],
        "block_schema_references": {},
    }
    schema = client.create_block_schema(BlockSchemaCreate(fields=fields, block_type_id=door.id))
    new = BlockDocumentCreate(
        name="front", data={"code": "1234", "colour": "red"}, block_schema_id=schema.id, block_type_id=door.id
    )
    return str(client.create_block_document(new).id)


def test_block_commands(prefect: Prefect, block: str) -> None:
    assert table(prefect("block", "ls")) == [[block, "Door", "front", "door/front"]]
    shown = prefect("block", "inspect", "door/front")
    assert "red" in shown
    assert "1234" not in shown
    assert json.loads(prefect("block", "inspect", "--id", block, "-o", "json"))["name"] == "front"
    prefect(
        "block", "inspect", "door/fornt", code=1, error="There is no block 'door/fornt'. Did you mean 'door/front'?"
    )
    prefect("block", "inspect", "front", code=1, error="Expected a block as <type>/<name>, got 'front'.")
    prefect("block", "inspect", code=1, error="Pass either a block as <type>/<name>, or --id.")
    prefect("block", "create", "door", code=1, error="Pass --name, and --set or --ask for its fields")
    prefect("block", "delete", "door/front")
    assert table(prefect("blocks", "ls")) == []


BLOCKS = """
from pydantic import SecretStr

from prefect.blocks.core import Block
from prefect.blocks.system import Secret


class Window(Block):
    \"\"\"A way to look out.\"\"\"

    code: SecretStr
"""


def test_block_register_registers_the_classes_of_a_file(prefect: Prefect, tmp_path: Path) -> None:
    file = tmp_path / "my_blocks.py"
    file.write_text(BLOCKS)
    assert table(prefect("block", "register", "-f", str(file))) == [["window", "Window", "Window"]]
    assert "Field code  string, required" in prefect("block", "type", "inspect", "window")


def test_block_register_registers_the_classes_of_a_module(prefect: Prefect) -> None:
    assert ["secret", "Secret", "Secret"] in table(prefect("block", "register", "-m", "prefect.blocks.system"))


def test_block_register_reports_what_it_cannot_use(prefect: Prefect, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "empty.py").write_text("")
    prefect("block", "register", code=1, error="Pass either a module with --module, or a file with --file.")
    prefect("block", "register", "-f", str(tmp_path / "none.py"), code=1, error="There is no file")
    prefect(
        "block",
        "register",
        "-f",
        str(tmp_path / "broken.py"),
        code=1,
        error=f"'{tmp_path}/broken.py' cannot be imported: Zero",
    )
    prefect("block", "register", "-f", str(tmp_path / "empty.py"), code=1, error="No block types are defined")
    prefect("block", "register", "-m", "no_such_module", code=1, error="'no_such_module' cannot be imported")


def test_block_type_commands(prefect: Prefect, block: str) -> None:
    assert ["door", "Door", "A way in."] in table(prefect("block", "type", "ls"))
    shown = prefect("block", "types", "inspect", "door")
    assert "Field code    string, required: Opens it." in shown
    assert json.loads(prefect("block", "type", "inspect", "door", "-o", "json"))["schema"]["fields"]["required"] == [
        "code"
    ]
    prefect("block", "type", "delete", "dor", code=1, error="There is no block type 'dor'. Did you mean 'door'?")
    prefect("block", "type", "delete", "door")
    prefect("block", "type", "inspect", "door", code=1, error="There is no block type 'door'.")


def test_automation_test_shows_what_would_have_fired(prefect: Prefect, tmp_path: Path) -> None:
    file = tmp_path / "watch.yaml"
    trigger = {"type": "event", "expect": ["paid"], "threshold": 2, "within": 60, "for_each": ["prefect.resource.id"]}
    file.write_text(yaml.safe_dump({"name": "two", "trigger": trigger, "actions": [{"type": "do-nothing"}]}))
    assert "No event since" in prefect("automation", "test", file)
    for resource in ("shop.1", "shop.2", "shop.1"):
        prefect("events", "emit", "paid", "--resource-id", resource)
    ((_, name, group, _),) = table(prefect("automation", "test", file, "--since", "1h"))
    assert (name, group) == ("two", "prefect.resource.id=shop.1")
    (shown,) = json.loads(prefect("automation", "test", file, "-o", "json"))
    assert shown["labels"] == {"prefect.resource.id": "shop.1"}
    prefect("automation", "test", file, "--since", "x", code=1, error="--since expects a duration such as '24h'")
    missing = tmp_path / "none.yaml"
    prefect("automation", "test", missing, code=1, error=f"{missing} cannot be read: No such file or directory.")
