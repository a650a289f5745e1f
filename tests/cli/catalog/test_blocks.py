"""`prefect block`, `prefect variable` and `prefect experimental result-storage`."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from prefect.blocks import registry
from prefect.blocks.core import Block
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.blocks.system import JSON, Secret
from prefect.filesystems import LocalFileSystem
from tests.cli.conftest import Prefect


def test_block_is_created_from_values(prefect: Prefect, tmp_path: Path) -> None:
    created = prefect("block", "create", "json", "--name", "config", "--set", 'value={"a": [1, 2]}')
    assert created == "Created block 'json/config'.\n" and JSON.load("config").value == {"a": [1, 2]}
    prefect("block", "create", "local-file-system", "--name", "files", "--set", f"basepath={tmp_path}")
    assert LocalFileSystem.load("files").basepath == str(tmp_path)


def test_type_is_found_that_no_program_imported(prefect: Prefect) -> None:
    prefect("block", "create", "custom-webhook", "--name", "hook", "--set", "name=n", "--set", "url=https://a.b")
    assert CustomWebhookNotificationBlock.load("hook").url == "https://a.b"


def test_secret_is_read_from_the_terminal(prefect: Prefect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.prompt", lambda text, hide_input: f"{text} hidden {hide_input}")
    prefect("block", "create", "secret", "--name", "token", "--ask", "value")
    assert Secret.load("token").get() == "value hidden True"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["secrte", "--name", "x"], "There is no block type 'secrte'. Did you mean 'secret'?"),
        (["secrte"], "There is no block type 'secrte'. Did you mean 'secret'?"),
        (["secret", "--set", "value=x"], "Pass --name: a block is saved under a name."),
        (["secret"], "Pass --name, and --set or --ask for its fields, to create a 'secret' block"),
        (["secret", "--name", "x", "--set", "value"], "Expected a value as FIELD=VALUE, got 'value'."),
        (["secret", "--name", "x", "--set", "valeu=1"], "The block type 'secret' has no field 'valeu': it has value."),
        (["secret", "--name", "x"], "value: Field required"),
        (["secret", "--name", "No name", "--set", "value=x"], "A block cannot be saved as 'No name'"),
    ],
)
def test_create_rejects_invalid_input(prefect: Prefect, arguments: list[str], error: str) -> None:
    prefect("block", "create", *arguments, code=1, error=error)


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch) -> type[Block]:
    """A class whose type is registered, and which no command finds by importing a package."""

    class Crm(Block):
        url: str
        token: SecretStr
        retries: int = 3

    Crm.register_type_and_schema()
    monkeypatch.delitem(registry._classes, "crm")
    return Crm


def test_block_of_a_registered_type_is_created_by_its_schema(prefect: Prefect, crm: type[Block]) -> None:
    prefect("block", "create", "crm", "--name", "main", "--set", "url=http://x", "--set", "token=hush")
    assert repr(crm.load("main")) == repr(crm(url="http://x", token=SecretStr("hush")))
    assert "hush" not in prefect("block", "inspect", "crm/main")
    prefect(
        "block",
        "create",
        "crm",
        "--name",
        "main",
        "--set",
        "url=x",
        "--set",
        "token=x",
        code=1,
        error="There is a block",
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["main", "--set", "url=x"], "block: 'token' is a required property"),
        (["main", "--set", "url=x", "--set", "token=x", "--set", "retries=hush"], 'retries: type must be "integer"'),
        (["main", "--set", "urll=x"], "The block type 'crm' has no field 'urll': it has url, token, retries."),
        (["No name", "--set", "url=x", "--set", "token=x"], "A block cannot be saved as 'No name'"),
    ],
)
def test_schema_of_a_registered_type_is_checked(
    prefect: Prefect, crm: type[Block], arguments: list[str], error: str
) -> None:
    prefect("block", "create", "crm", "--name", *arguments, code=1, error=error)


def test_existing_block_is_kept(prefect: Prefect) -> None:
    Secret(value="first").save("token")
    prefect(
        "block",
        "create",
        "secret",
        "--name",
        "token",
        "--set",
        "value=second",
        code=1,
        error="There is a block 'token'",
    )
    assert Secret.load("token").get() == "first"


def test_protected_type_is_not_deleted_without_a_server(prefect: Prefect) -> None:
    Secret(value="kept").save("token")
    prefect("block", "type", "delete", "secret", code=1, error="The block type 'secret' is protected")
    assert Secret.load("token").get() == "kept"


def test_variable_needs_a_name(prefect: Prefect) -> None:
    prefect("variable", "set", "", "1", code=1, error="A variable needs a name.")


def test_page_of_the_server_is_printed(prefect: Prefect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_UI_URL", "http://ui.example.com")
    prefect("block", "create", "secrte", code=1, error="There is no block type 'secrte'.")
    Secret.register_type_and_schema()
    shown = prefect("block", "create", "secret")
    assert shown == "Create a 'secret' block at http://ui.example.com/blocks/catalog/secret/create\n"


def test_default_result_storage_is_set_shown_and_cleared(prefect: Prefect, tmp_path: Path) -> None:
    LocalFileSystem(basepath=str(tmp_path)).save("shared")
    command = ("experimental", "result-storage")
    assert "No default result storage" in prefect(*command, "inspect")
    assert "in 'local-file-system/shared' by default" in prefect(*command, "set", "local-file-system/shared")
    assert "local-file-system/shared" in prefect(*command, "inspect")
    prefect(*command, "clear")
    assert "No default result storage" in prefect(*command, "inspect")


def test_default_result_storage_is_that_of_flows_without_a_server(prefect: Prefect, home: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("from prefect import flow\n\nflow(lambda: 1, name='f', persist_result=True)()\n")
    LocalFileSystem(basepath=str(tmp_path / "shared")).save("shared")
    prefect("experimental", "result-storage", "set", "local-file-system/shared")
    subprocess.run([sys.executable, program], check=True)
    assert len(list((tmp_path / "shared").iterdir())) == 1
    prefect("experimental", "result-storage", "clear")
    subprocess.run([sys.executable, program], check=True)
    assert len(list((tmp_path / "shared").iterdir())) == 1
    assert len(list((home / "storage").iterdir())) == 1


def test_block_that_stores_no_files_is_refused_as_default(prefect: Prefect) -> None:
    Secret(value="x").save("token")
    prefect("experimental", "result-storage", "set", "secret/token", code=1, error="The block 'token' cannot store")
    prefect("experimental", "result-storage", "set", code=1, error="Pass either a block as <type>/<name>, or --id.")


def test_register_takes_the_blocks_that_a_facade_exports(prefect: Prefect) -> None:
    lines = prefect("block", "register", "-m", "prefect.filesystems").splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["local-file-system", "remote-file-system", "smb"]
