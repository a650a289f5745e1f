"""Public path of calls and their parameters; see `prefect.signatures`.

The functions on JSON schemas need pydantic, so they are imported when they are first used.
"""

from typing import TYPE_CHECKING

from prefect._lazy import exports
from prefect.exceptions import (
    MappingLengthMismatch,
    MappingMissingIterable,
    ParameterBindError,
    ReservedArgumentError,
    SignatureMismatchError,
)
from prefect.loading.sources import safe_load_namespace
from prefect.signatures.calls import (
    call_with_parameters,
    cloudpickle_wrapped_call,
    collapse_variadic_parameters,
    expand_mapping_parameters,
    explode_variadic_parameter,
    get_call_parameters,
    get_parameter_defaults,
    parameters_to_args_kwargs,
    raise_for_reserved_arguments,
)
from prefect.values.annotations import allow_failure, quote, unmapped
from prefect.values.traversal import isiterable

if TYPE_CHECKING:
    from prefect.signatures.json_schemas import (
        ParameterSchema,
        generate_parameter_schema,
        parameter_docstrings,
        parameter_schema,
        parameter_schema_from_entrypoint,
    )

__all__ = [
    "MappingLengthMismatch",
    "MappingMissingIterable",
    "ParameterBindError",
    "ParameterSchema",
    "ReservedArgumentError",
    "SignatureMismatchError",
    "allow_failure",
    "call_with_parameters",
    "cloudpickle_wrapped_call",
    "collapse_variadic_parameters",
    "expand_mapping_parameters",
    "explode_variadic_parameter",
    "generate_parameter_schema",
    "get_call_parameters",
    "get_parameter_defaults",
    "isiterable",
    "parameter_docstrings",
    "parameter_schema",
    "parameter_schema_from_entrypoint",
    "parameters_to_args_kwargs",
    "quote",
    "raise_for_reserved_arguments",
    "safe_load_namespace",
    "unmapped",
]


_EXPORTS = {
    "prefect.signatures.json_schemas": (
        "ParameterSchema generate_parameter_schema parameter_docstrings parameter_schema "
        "parameter_schema_from_entrypoint"
    ),
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
