"""Blocks are saved, loaded and deleted through the API, and their secrets are shown nowhere else."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, Field, SecretStr, ValidationError

from prefect import flow, task
from prefect.blocks import registry, schemas
from prefect.blocks.core import Block, InvalidBlockRegistration, UnknownBlockType, block_schema_to_key
from prefect.blocks.system import JSON, DateTime, Secret, String
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings
from prefect.types import SecretDict

CANARY = "c4n4ry-0f-a-s3cret"


class MailLogin(Block):
    """A login.

    Attributes:
        user: Who.
    """

    _block_type_name = "Mail Login"

    user: str = "me"
    password: SecretStr


class Token(BaseModel):
    value: SecretStr
    number: int = 1


class Service(Block):
    """A service."""

    _block_schema_capabilities = ["call"]

    login: MailLogin
    spare: MailLogin | None = None
    headers: SecretDict = Field(default_factory=lambda: SecretDict({}))
    tokens: list[Token] = Field(default_factory=list[Token])
    retries: int = 3


class Either(Block):
    choice: MailLogin | Service


def test_saved_block_is_loaded_by_name() -> None:
    document_id = MailLogin(password="hush").save("mine")
    loaded = MailLogin.load("mine")
    assert (loaded.user, loaded.password.get_secret_value()) == ("me", "hush")
    assert isinstance(document_id, UUID)
    assert loaded.get_block_placeholder() == "prefect.blocks.mail-login.mine"


@pytest.mark.parametrize(
    "load",
    [
        lambda id_: Block.load("mail-login/mine"),
        lambda id_: MailLogin.load(str(id_)),
        lambda id_: Block.load(str(id_)),
        lambda id_: Block.load(f"mail-login/{id_}"),
        lambda id_: MailLogin.load_from_ref(id_),
        lambda id_: Block.load_from_ref(str(id_)),
        lambda id_: MailLogin.load_from_ref({"block_document_id": id_}),
        lambda id_: MailLogin.load_from_ref({"block_document_slug": "mail-login/mine"}),
        lambda id_: MailLogin.model_validate({"$ref": {"block_document_id": str(id_)}}),
        lambda id_: Service(login={"$ref": str(id_)}).login,
    ],
)
def test_saved_block_is_loaded_by_a_reference(load: Callable[[UUID], MailLogin]) -> None:
    loaded = load(MailLogin(password="hush").save("mine"))
    assert isinstance(loaded, MailLogin)
    assert loaded.password.get_secret_value() == "hush"


def test_save_replaces_a_block_only_with_overwrite() -> None:
    first = MailLogin(password="one").save("mine")
    with pytest.raises(ValueError, match=r"already.*overwrite=True"):
        MailLogin(password="two").save("mine")
    assert MailLogin(password="two").save("mine", overwrite=True) == first
    assert MailLogin.load("mine").password.get_secret_value() == "two"


def test_loaded_block_is_saved_under_its_own_name() -> None:
    MailLogin(password="one").save("mine")
    block = MailLogin.load("mine")
    block.user = "you"
    block.save(overwrite=True)
    assert MailLogin.load("mine").user == "you"


@pytest.mark.parametrize("name", [None, "", "With Capitals", "under_score"])
def test_save_refuses_a_missing_or_invalid_name(name: str | None) -> None:
    with pytest.raises(ValueError, match="name"):
        MailLogin(password="x").save(name)


@pytest.mark.parametrize(
    "read",
    [
        lambda: MailLogin.load("nothing"),
        lambda: Block.load("nothing/nothing"),
        lambda: Block.load("no-slug"),
        lambda: MailLogin.load(str(uuid4())),
        lambda: Block.load(str(uuid4())),
        lambda: MailLogin.load_from_ref(uuid4()),
        lambda: MailLogin.load_from_ref("no id"),
        lambda: MailLogin.load_from_ref({"other": 1}),
        lambda: MailLogin.delete("nothing"),
    ],
)
def test_missing_block_is_a_value_error(read: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"no block|not a reference"):
        read()


def test_deleted_block_is_gone() -> None:
    MailLogin(password="x").save("mine")
    Block.delete("mail-login/mine")
    with pytest.raises(ValueError, match="no block 'mine'"):
        MailLogin.load("mine")


def test_nested_saved_block_is_a_reference_and_follows_its_changes() -> None:
    MailLogin(password="old").save("inner")
    Service(login=MailLogin.load("inner")).save("outer")
    MailLogin(password="new").save("inner", overwrite=True)
    loaded = Service.load("outer").login
    assert (loaded.password.get_secret_value(), loaded._block_document_name) == ("new", "inner")


def test_nested_unsaved_block_is_stored_inside() -> None:
    Service(
        login=MailLogin(password="inside"), headers=SecretDict({"key": "k3y"}), tokens=[Token(value=SecretStr("t0k"))]
    ).save("outer")
    loaded = Service.load("outer")
    assert loaded.login.password.get_secret_value() == "inside"
    assert loaded.headers.get_secret_value() == {"key": "k3y"}
    assert loaded.tokens[0].value.get_secret_value() == "t0k"


def test_field_of_several_types_loads_the_one_that_was_saved() -> None:
    Either(choice=Service(login=MailLogin(password="x"))).save("either")
    assert isinstance(Either.load("either").choice, Service)


def test_older_document_is_loaded_without_validation_and_saved_again() -> None:
    class Growing(Block):
        password: SecretStr

    Growing(password=CANARY).save("mine")

    class Grown(Block):
        _block_type_slug = "growing"
        password: SecretStr
        region: str

    with pytest.raises(RuntimeError, match=r"region: Field required.*validate=False") as caught:
        Grown.load("mine")
    assert CANARY not in str(caught.value)
    with pytest.warns(UserWarning, match="region: Field required"):
        block = Grown.load("mine", validate=False)
    assert CANARY not in repr(block)
    block.region = "north"
    block.save(overwrite=True)
    assert Grown.load("mine").password.get_secret_value() == CANARY


def test_block_of_another_type_is_refused() -> None:
    id_ = Service(login=MailLogin(password="x")).save("outer")
    with pytest.raises(RuntimeError, match="not valid for MailLogin"):
        MailLogin.load_from_ref(id_)
    with pytest.raises(ValidationError, match="is no MailLogin"):
        MailLogin.model_validate({"block_type_slug": "service", "login": {"password": "x"}})


async def test_async_code_awaits_the_same_methods() -> None:
    await MailLogin(password="hush").asave("mine")
    assert (await MailLogin.load("mine")).user == "me"  # type: ignore[misc]
    assert (await MailLogin.aload("mine")).user == "me"
    await asyncio.gather(*[MailLogin.adelete("mine")])
    with pytest.raises(ValueError, match="no block"):
        await MailLogin.aload("mine")


def test_flow_and_task_load_a_block() -> None:
    Secret(value="hush").save("quiet")

    @task
    def read() -> str:
        return Secret.load("quiet").get()

    @flow
    def both() -> list[str]:
        return [Secret.load("quiet").get(), read()]

    assert both() == ["hush", "hush"]


def test_registration_describes_the_class_once() -> None:
    Service.register_type_and_schema()
    Service.register_type_and_schema()
    with get_client(sync_client=True) as client:
        kind = client.read_block_type_by_slug("service")
        schema = client.read_block_schema_by_checksum(schemas.compute_class_checksum(Service))
        assert kind.description == "A service."
        assert schema.capabilities == ["call"]
        assert schema.fields["secret_fields"] == [
            "login.password",
            "spare.password",
            "headers.*",
            "tokens.value",
        ]
        assert schema.fields["block_schema_references"]["login"]["block_type_slug"] == "mail-login"
        assert block_schema_to_key(schema) == "service"
        assert Block.get_block_class_from_schema(schema) is Service
        slugs = [each.slug for each in client.read_block_types()]
    assert slugs.count("service") == slugs.count("mail-login") == 1


def test_base_class_is_no_type_of_blocks() -> None:
    with pytest.raises(InvalidBlockRegistration, match="subclass"):
        Block.register_type_and_schema()
    with pytest.raises(UnknownBlockType, match="'unheard-of'"):
        Block(block_type_slug="unheard-of")


def test_schema_is_as_the_interface_has_it() -> None:
    schema = MailLogin.model_json_schema()
    assert schema["properties"]["user"] == {"default": "me", "title": "User", "type": "string", "position": 0}
    assert schema["description"] == "A login."
    assert schema["secret_fields"] == ["password"]
    assert "additionalProperties" not in json.dumps(Service.model_json_schema())
    assert Service.model_json_schema()["definitions"].keys() == {"MailLogin", "Token"}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [(MailLogin, True), (MailLogin | None, True), (list[MailLogin], True), (int, False), (str | None, False)],
)
def test_annotation_refers_to_block_class(annotation: Any, expected: bool) -> None:
    assert Block.annotation_refers_to_block_class(annotation) is expected


@pytest.mark.parametrize("value", ["text", {"user": "me", "pin": [1, 2]}, 5, None])
def test_secret_keeps_any_json_value(value: Any) -> None:
    Secret(value=value).save("kept")
    assert Secret.load("kept").get() == value


def test_plain_value_blocks_are_loaded() -> None:
    String(value="text").save("one")
    JSON(value={"a": [1]}).save("one")
    DateTime(value="2026-01-02T03:04:05Z").save("one")  # type: ignore[arg-type]
    assert (String.load("one").value, JSON.load("one").value) == ("text", {"a": [1]})
    assert DateTime.load("one").value.isoformat() == "2026-01-02T03:04:05+00:00"


def test_secret_is_found_nowhere(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    block = Service(login=MailLogin(password=CANARY), headers=SecretDict({"key": CANARY}))
    document_id = block.save("outer")
    Secret(value={"deep": CANARY}).save("kept")
    shown = [repr(block), str(block), block.model_dump_json(), repr(block.model_dump()), repr(Secret.load("kept"))]
    with pytest.raises(ValidationError) as invalid:
        Service(login={"password": CANARY}, retries=CANARY)  # type: ignore[arg-type]
    shown.append(str(invalid.value))
    with get_client(sync_client=True) as client:
        shown.append(client.read_block_document(document_id, include_secrets=False).model_dump_json())
        shown.append(repr(client.read_block_documents(include_secrets=False)))
    home: Path = get_current_settings().home
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]
    assert CANARY not in "".join([*shown, caplog.text, *capsys.readouterr()])


def test_context_shows_secrets() -> None:
    block = Service(login=MailLogin(password="hush"), headers=SecretDict({"key": "k3y"}))
    shown = block.model_dump(mode="json", context={"include_secrets": True})
    assert shown["login"]["password"] == "hush"
    assert shown["headers"] == {"key": "k3y"}
    assert json.loads(block.model_dump_json())["login"]["password"] == "**********"


class Chicken(Block):
    """A block that holds another type, which may hold it."""

    egg: Egg | None = None
    secret: SecretStr = SecretStr("x")


class Egg(Block):
    chicken: Chicken | None = None
    sibling: Egg | None = None


Chicken.model_rebuild()


def test_types_that_hold_each_other_are_registered_saved_and_loaded():
    Chicken(egg=Egg(chicken=Chicken(secret=SecretStr("inner")))).save("one")
    loaded = Chicken.load("one")
    assert loaded.egg and loaded.egg.chicken and loaded.egg.chicken.secret.get_secret_value() == "inner"
    with get_client(sync_client=True) as client:
        shown = client.read_block_document_by_name("one", "chicken", include_secrets=False)
    assert "inner" not in json.dumps(shown.data) and shown.data["secret"] == "********"
    assert Chicken.model_json_schema()["block_schema_references"] == {"egg": {"block_type_slug": "egg"}}


def test_document_of_an_unknown_type_is_named(monkeypatch):
    MailLogin(password=SecretStr("x")).save("mine")
    monkeypatch.delitem(registry._classes, "mail-login")
    with pytest.raises(UnknownBlockType, match=r"'mine' cannot be loaded.*'mail-login'.*import the module"):
        Block.load("mail-login/mine")


def test_document_whose_key_is_missing_is_named_and_not_taken_for_a_missing_one(home):
    MailLogin(password=SecretStr("x")).save("mine")
    (home / "encryption.key").rename(home / "away")
    with pytest.raises(
        RuntimeError, match=r"'mine' cannot be read: it was encrypted with another key.*encryption\.key"
    ):
        MailLogin.load("mine")
    (home / "away").rename(home / "encryption.key")
    assert MailLogin.load("mine").password.get_secret_value() == "x"
    (home / "encryption.key").write_text("nonsense")
    with pytest.raises(RuntimeError, match=r"encryption\.key' is no Fernet key"):
        MailLogin.load("mine")


@pytest.mark.parametrize("name", ["with space", "UPPER", "a/b", "under_score"])
def test_name_that_no_block_may_have_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(ValueError, match=f"A block cannot be saved as '{name}'") as raised:
        MailLogin(password="hush").save(name)
    assert "\n" not in str(raised.value)
