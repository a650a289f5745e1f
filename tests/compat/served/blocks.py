"""Blocks saved, loaded, changed and deleted."""

import contextlib

import _served  # noqa: F401
from _facts import client, fact, trace
from pydantic import SecretStr

from prefect.blocks.core import Block
from prefect.blocks.system import Secret


class Engine(Block):
    """An engine."""

    horses: int = 1
    key: SecretStr


class Car(Block):
    """A car with an engine."""

    _block_type_slug = "a-car"
    name: str
    engine: Engine


# What another client may have left on the server.
for kind, name in ((Secret, "quiet"), (Engine, "small"), (Car, "first")):
    with contextlib.suppress(ValueError):
        kind.delete(name)

Secret(value="hush").save("quiet")
fact("secret", Secret.load("quiet").get())
Secret(value="louder").save("quiet", overwrite=True)
fact("overwritten", Secret.load("quiet").get())
trace("not overwritten", lambda: Secret(value="again").save("quiet"))
trace("not there", lambda: Secret.load("nothing"))
engine = Engine(horses=90, key="k3y")
engine.save("small")
car = Car(name="mine", engine=Engine.load("small"))
car.save("first")
loaded = Car.load("first")
fact("nested", [loaded.name, loaded.engine.horses, loaded.engine.key.get_secret_value()])
loaded.name = "yours"
loaded.save("first", overwrite=True)
fact("changed", Car.load("first").name)
fact("by slug", Block.load("a-car/first").name)
with client() as api:
    document = api.read_block_document_by_name("small", "engine")
    fact("hidden", document.data)
    shown = api.read_block_document_by_name("small", "engine", include_secrets=True)
    fact("shown", shown.data)
    kind = api.read_block_type_by_slug("a-car")
    fact("type", [kind.name, kind.slug, kind.is_protected, kind.description])
    schema = api.get_most_recent_block_schema_for_block_type(kind.id)
    fact("schema", [schema.checksum, schema.version, schema.capabilities, sorted(schema.fields["properties"])])
    documents = api.read_block_documents_by_type("a-car")
    fact("documents", [[each.name, each.is_anonymous, sorted(each.block_document_references)] for each in documents])
    fact("kinds", sorted(each.slug for each in api.read_block_types() if each.slug in ("a-car", "engine", "secret")))
Car.delete("first")
trace("deleted", lambda: Car.load("first"))
