"""The checksums of the blocks that come with the package are those by which servers know them."""

import json
from importlib import resources

from pydantic import JsonValue

from prefect import server
from prefect.blocks import registry
from prefect.blocks.core import Block
from prefect.blocks.schemas import compute_class_checksum
from prefect.blocks.system import Secret

OF_THE_INTERFACE = "3."
"""How the version of blocks that come with the interface begins; others belong to integrations."""


def test_blocks_of_the_interface_have_its_checksums() -> None:
    stored = json.loads((resources.files(server) / "data" / "blocks.json").read_text())
    expected = {
        each["slug"]: each["block_schema"]["checksum"]
        for each in stored
        if each["block_schema"]["version"].startswith(OF_THE_INTERFACE)
    }
    found = {slug: compute_class_checksum(registry.find_class(slug)) for slug in expected}
    assert found == expected


def test_definition_of_any_json_value_is_not_part_of_the_checksum() -> None:
    class Options(Block):
        v: JsonValue

    # Read off the original.
    assert compute_class_checksum(Options) == "sha256:7f4facd79ef5463b6d76dd441639f7699d46ee1836f276e980df54bbe11260e9"


def test_secret_of_a_type_has_the_checksum_and_slug_of_the_interface() -> None:
    # Read off the original.
    assert compute_class_checksum(Secret[dict]) == (
        "sha256:af135887ddbdeef443612b72c92c1f87ec0a2c5abfdb2bedb3d2a67f0c316ffd"
    )
    assert Secret[dict].get_block_type_slug() == "secret-dict"
