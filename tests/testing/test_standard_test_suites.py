"""The standard tests of block classes pass for a block that describes itself and say what another one lacks."""

from typing import Any, ClassVar

import pytest
from pydantic import Field

from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite


class Good(Block):
    """Store a thing.

    Example:
        ```python
        from things import Good

        good = Good.load("BLOCK_NAME")
        ```
    """

    _documentation_url: ClassVar[Any] = "https://example.com/good"
    _logo_url: ClassVar[Any] = "https://example.com/good.png"
    size: int = Field(default=1, description="How large it is.")


class Bad(Block):
    _code_example = "Bad()"
    size: int = 1


class TestGood(BlockStandardTestSuite):
    @pytest.fixture
    def block(self) -> type[Block]:
        return Good


CHECKS = sorted(name for name in vars(BlockStandardTestSuite) if name.startswith("test_"))


@pytest.mark.parametrize("check", CHECKS)
def test_check_fails_for_block_without_descriptions(check: str):
    with pytest.raises(AssertionError, match="Bad"):
        getattr(TestGood(), check)(Bad)


def test_description_of_field_must_end_with_a_period():
    class Open(Good):
        color: str = Field(default="", description="no period")

    with pytest.raises(AssertionError, match="ends without a period"):
        TestGood().test_all_fields_have_a_description(Open)
