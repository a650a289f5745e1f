"""Public path of tools for pydantic models; see `prefect.schemas.model_tools`."""

from __future__ import annotations

from prefect.blocks.dispatch import get_dispatch_key, lookup_type
from prefect.schemas.model_tools import (
    PartialModel,
    add_cloudpickle_reduction,
    custom_pydantic_encoder,
    get_class_fields_only,
    handle_secret_render,
    parse_obj_as,
)

__all__ = [
    "PartialModel",
    "add_cloudpickle_reduction",
    "custom_pydantic_encoder",
    "get_class_fields_only",
    "get_dispatch_key",
    "handle_secret_render",
    "lookup_type",
    "parse_obj_as",
]
