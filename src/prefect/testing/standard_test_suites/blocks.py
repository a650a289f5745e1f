"""Tests of a block class: that it describes itself to people."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

import pytest

from prefect.blocks.core import Block


class BlockStandardTestSuite(ABC):
    """Tests of one block class. Subclass it and override the fixture `block` with one that returns the class."""

    @pytest.fixture
    @abstractmethod
    def block(self) -> type[Block]:
        """Return the block class to test."""

    def test_has_a_description(self, block: type[Block]) -> None:
        """The class has a description."""
        assert block.get_description(), f"{block.__name__} has no description: write a docstring."

    def test_has_a_documentation_url(self, block: type[Block]) -> None:
        """The class names its documentation."""
        assert block._documentation_url, f"{block.__name__} has no _documentation_url."

    def test_all_fields_have_a_description(self, block: type[Block]) -> None:
        """Each field has a description."""
        for name, field in block.model_fields.items():
            assert field.description, f"{block.__name__} is missing a description on {name}"
            assert field.description.endswith("."), f"The description of {block.__name__}.{name} ends without a period."

    def test_has_a_valid_code_example(self, block: type[Block]) -> None:
        """The class has a code example that imports it and loads a block."""
        example = block.get_code_example()
        name = re.escape(block.__name__)
        assert re.search(rf"from .* import {name}", example), (
            f"The code example for {block.__name__} does not import it."
        )
        assert re.search(rf'.* = {name}\.load\("BLOCK_NAME"\)', example), (
            f'The code example for {block.__name__} has no line `... = {block.__name__}.load("BLOCK_NAME")`.'
        )

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """The class has the URL of a logo. The image is not fetched."""
        assert re.match(r"https?://\S+$", str(block._logo_url or "")), f"{block.__name__} has no URL in _logo_url."
