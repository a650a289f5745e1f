"""Block classes: their description, and errors for operations that are not implemented yet."""

from typing import ClassVar

import pytest
from pydantic import SecretStr

from prefect.blocks.core import Block, BlockNotSavedError, UnknownBlockType
from prefect.filesystems import LocalFileSystem


class Thing(Block):
    """What it is for.

    Examples:
        How it is used.
    """

    a: int = 1
    secret: SecretStr = SecretStr("hidden")


class Named(Block):
    _block_type_name = "My Other_Thing (2)"
    _block_schema_capabilities: ClassVar[list[str] | None] = ["fly"]
    ready: bool = False

    def block_initialization(self) -> None:
        self.ready = True


class NamedToo(Named):
    _block_type_slug = "named-too"
    _block_schema_capabilities: ClassVar[list[str] | None] = ["swim"]


def test_block_class_describes_its_type():
    assert (Thing.get_block_type_name(), Thing.get_block_type_slug()) == ("Thing", "thing")
    assert (Thing.get_description(), Thing.get_code_example()) == ("What it is for.", "How it is used.")
    assert Named.get_block_type_slug() == "my-other-thing-2"
    assert NamedToo.get_block_type_slug() == "named-too"
    assert NamedToo.get_block_capabilities() == {"fly", "swim"} and Thing.get_block_capabilities() == frozenset()
    assert LocalFileSystem.get_block_type_slug() == "local-file-system"
    assert LocalFileSystem.get_block_capabilities() == {"get-directory", "put-directory", "read-path", "write-path"}


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My.Block", "my-block"),
        ("A+B (c)", "a-b-c"),
        ("Bob's Café", "bob-s-cafe"),
        ("Secret[dict]", "secret-dict"),
        ("日本", "xn-wgv71a"),
    ],
)
def test_slug_of_a_name_has_hyphens_for_other_characters(name, slug):
    class Any(Block):
        _block_type_name = name

    assert Any.get_block_type_slug() == slug


def test_dumped_block_has_its_type_slug():
    assert Thing(a=2).model_dump()["block_type_slug"] == "thing"
    assert Block(block_type_slug="local-file-system", basepath="x") == LocalFileSystem(basepath="x")
    assert LocalFileSystem.model_validate(LocalFileSystem(basepath="x").model_dump()) == LocalFileSystem(basepath="x")
    with pytest.raises(UnknownBlockType, match="'nope'"):
        Block(block_type_slug="nope")


def test_block_is_initialized_and_found_by_its_key():
    assert Named().ready and Block.is_block_class(Named) and not Block.is_block_class(Named())
    assert Block.get_block_class_from_key("named-too") is NamedToo
    assert "hidden" not in repr(Thing())


def test_unsaved_block_has_no_placeholder():
    with pytest.raises(BlockNotSavedError):
        Thing().get_block_placeholder()


def test_code_example_is_declared_or_read_from_docstring_or_made():
    class Declared(Thing):
        """Other."""

        _code_example = """
        x = 1
        """

    class Several(Block):
        """First line.

        More of it.

        Attributes:
            a: An attribute.

        Examples:
            One:
            ```python
            a = 1
            ```

        Notes:
            None.
        """

    class Plain(Block):
        _block_type_name = "Other Name"

    assert Declared.get_code_example().strip() == "x = 1"
    assert Several.get_description() == "First line.\n\nMore of it."
    assert Several.get_code_example() == "One:\n```python\na = 1\n```"
    assert f'from {__name__} import Plain\n\nother_name_block = Plain.load("BLOCK_NAME")' in Plain.get_code_example()
