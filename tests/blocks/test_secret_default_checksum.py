"""The checksum of a block schema with a secret that has a default."""

from __future__ import annotations

from pydantic import SecretStr

from prefect.blocks.core import Block
from prefect.blocks.schemas import compute_class_checksum


def test_secret_with_a_default_has_the_checksum_of_the_interface() -> None:
    class A(Block):
        _block_type_name = "a"
        _block_type_slug = "a"
        x: SecretStr = SecretStr("hush")

    assert compute_class_checksum(A).startswith("sha256:2d109c035ea54")
