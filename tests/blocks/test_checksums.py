"""The checksums of the blocks that come with the package are those by which servers know them."""

import json
from importlib import resources

from prefect import server
from prefect.blocks import registry
from prefect.blocks.schemas import compute_class_checksum

OF_THE_INTERFACE = "3."
"""How the version of blocks that come with the interface begins; others belong to integrations."""

DESCRIBED_OTHERWISE = {"secret"}
"""Blocks whose fields this package describes in its own words: a checksum covers the descriptions."""


def test_blocks_of_the_interface_have_its_checksums() -> None:
    stored = json.loads((resources.files(server) / "data" / "blocks.json").read_text())
    expected = {
        each["slug"]: each["block_schema"]["checksum"]
        for each in stored
        if each["block_schema"]["version"].startswith(OF_THE_INTERFACE)
    }
    found = {slug: compute_class_checksum(registry.find_class(slug)) for slug in expected}
    assert {slug for slug in expected if found[slug] != expected[slug]} == DESCRIBED_OTHERWISE
