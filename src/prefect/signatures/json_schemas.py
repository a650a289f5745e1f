"""JSON schemas of functions' parameters, which deployments show and validate.

A schema is pydantic's schema of the type hints, with position, default and description (from the docstring) of each
parameter.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pydantic
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from prefect.exceptions import ParameterTypeError
from prefect.loading.sources import safe_load_namespace
from prefect.signatures.annotations import read_signature
from prefect.signatures.validation import read_type_hints, to_supported_hint


class ParameterSchema(pydantic.BaseModel):
    """The JSON schema of a function's parameters."""

    title: Literal["Parameters"] = "Parameters"
    type: Literal["object"] = "object"
    properties: dict[str, Any] = pydantic.Field(default_factory=dict)
    required: list[str] = pydantic.Field(default_factory=list)
    definitions: dict[str, Any] = pydantic.Field(default_factory=dict)

    def model_dump_for_openapi(self) -> dict[str, Any]:
        """Return the schema as a dict, without an empty `required`, which JSON schema does not allow."""
        dumped = self.model_dump(mode="python", exclude_none=True)
        if not dumped["required"]:
            del dumped["required"]
        return dumped


def parameter_schema(fn: Callable[..., Any]) -> ParameterSchema:
    """Return the schema of a function's parameters, with their descriptions in the docstring.

    A hint that JSON schema cannot express, or that uses an undefined name, allows any value.
    """
    signature = read_signature(fn)
    try:
        hints = read_type_hints(fn)
    except ParameterTypeError:
        hints = _resolvable_hints(fn, signature)
    typed = [p.replace(annotation=hints.get(p.name, Any)) for p in signature.parameters.values()]
    return generate_parameter_schema(signature.replace(parameters=typed), parameter_docstrings(inspect.getdoc(fn)))


def _resolvable_hints(fn: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for name in signature.parameters:
        try:
            hints.update(read_type_hints(fn, only=name))
        except ParameterTypeError:
            pass
    return hints


class _Lenient(GenerateJsonSchema):
    """Allows any value for a type that JSON schema cannot express, and omits a default that is not JSON."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}

    def emit_warning(self, kind: Any, detail: str) -> None: ...


def generate_parameter_schema(signature: inspect.Signature, docstrings: dict[str, str]) -> ParameterSchema:
    """Return the schema of a signature whose annotations are types.

    Args:
        docstrings: The description of each parameter.
    """
    fields: dict[str, Any] = {}
    for position, parameter in enumerate(signature.parameters.values()):
        if parameter.name in ("self", "cls"):
            continue
        field = _field(parameter, position, docstrings.get(parameter.name))
        hint = Any if parameter.annotation is parameter.empty else to_supported_hint(parameter.annotation)
        # The parameter's name is an alias: a model cannot have fields named `_x`, `copy` or `model_config`.
        fields[f"parameter{position}"] = (_checked(hint), field)
    config = pydantic.ConfigDict(arbitrary_types_allowed=True, protected_namespaces=())
    model = pydantic.create_model("Parameters", __config__=config, **fields)
    schema = model.model_json_schema(ref_template="#/definitions/{model}", schema_generator=_Lenient)
    return ParameterSchema(
        properties=schema.get("properties", {}),
        required=schema.get("required", []),
        definitions=schema.get("$defs", {}),
    )


def _checked(hint: Any) -> Any:
    """Return the hint, or Any if pydantic does not support it."""
    try:
        pydantic.TypeAdapter(hint, config=None if _has_config(hint) else {"arbitrary_types_allowed": True})
    except (pydantic.PydanticUserError, pydantic.PydanticUndefinedAnnotation, NameError):
        return Any
    return hint


def _has_config(hint: Any) -> bool:
    return hasattr(hint, "__pydantic_fields__") or hasattr(hint, "__dataclass_fields__") or hasattr(hint, "__total__")


def _field(parameter: inspect.Parameter, position: int, description: str | None) -> Any:
    default = ... if parameter.default is parameter.empty else parameter.default
    if isinstance(default, FieldInfo):
        description = description or default.description
        default = ... if default.is_required() else default.get_default(call_default_factory=True)
    options: dict[str, Any] = {"title": parameter.name, "alias": parameter.name}
    if description:
        options["description"] = description
    return pydantic.Field(default, json_schema_extra={"position": position}, **options)


# --- docstrings ------------------------------------------------------------------------------------------------------

_SECTION = re.compile(r"^(args|arguments|parameters|params):\s*$", re.IGNORECASE)
_ENTRY = re.compile(r"^\*{0,2}(?P<name>\w+)\s*(\([^)]*\))?\s*:\s*(?P<text>.*)$")


def parameter_docstrings(docstring: str | None) -> dict[str, str]:
    """Return the description of each parameter in a docstring's `Args:` section (Google style)."""
    lines = iter(inspect.cleandoc(docstring or "").splitlines())
    if not any(_SECTION.match(line) for line in lines):
        return {}
    section: list[str] = []
    for line in lines:
        if line.strip() and not line.startswith((" ", "\t")):
            break
        section.append(line)
    found: dict[str, list[str]] = {}
    name = ""
    for line in textwrap.dedent("\n".join(section)).splitlines():
        entry = _ENTRY.match(line)
        if entry:
            name = entry["name"]
            found[name] = [entry["text"]]
        elif name and (not line.strip() or line.startswith((" ", "\t"))):
            found[name].append(line)
    return {name: _paragraph(lines) for name, lines in found.items()}


def _paragraph(lines: list[str]) -> str:
    return f"{lines[0]}\n{textwrap.dedent(chr(10).join(lines[1:]))}".strip()


# --- a function in a file that is not executed -----------------------------------------------------------------------


def parameter_schema_from_entrypoint(entrypoint: str) -> ParameterSchema:
    """Return the schema of a function's parameters, read from its source without running the module.

    Names that hints and defaults use are defined from the source as far as possible; a hint that cannot be evaluated,
    for instance because of a missing import, allows any value.

    Args:
        entrypoint: `path/to/file.py:function` or `package.module.function`; a method is `Class.method`.

    Raises:
        ValueError: There is no such module or function.
    """
    if ":" in entrypoint:
        path, function = entrypoint.rsplit(":", 1)
    else:
        module, function = entrypoint.rsplit(".", 1)
        path = _source_path(module)
    source = Path(path).read_text(encoding="utf-8")
    definition = _find_function(ast.parse(source), function)
    if definition is None:
        raise ValueError(f"There is no function {function!r} in {path}.")
    namespace = safe_load_namespace(source, filepath=path)
    return parameter_schema(_bare_function(definition, namespace))


def _source_path(module: str) -> str:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise ValueError(f"There is no module {module!r} with a source file.")
    return spec.origin


def _find_function(tree: ast.AST, path: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    name, _, rest = path.partition(".")
    for node in ast.iter_child_nodes(tree):
        if getattr(node, "name", None) != name:
            continue
        if rest:
            return _find_function(node, rest)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return node
    return None


def _bare_function(definition: ast.FunctionDef | ast.AsyncFunctionDef, namespace: dict[str, Any]) -> Callable[..., Any]:
    """Build the function without decorators, body, and hints and defaults that cannot be evaluated."""
    arguments = definition.args
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg) and argument.annotation is not None:
            argument.annotation = argument.annotation if _evaluates(argument.annotation, namespace) else None
    nothing = ast.Constant(None)
    arguments.defaults = [d if _evaluates(d, namespace) else nothing for d in arguments.defaults]
    arguments.kw_defaults = [d if d is None or _evaluates(d, namespace) else nothing for d in arguments.kw_defaults]
    docstring = ast.get_docstring(definition, clean=False)
    bare = ast.FunctionDef(
        name=definition.name,
        args=arguments,
        body=[ast.Expr(ast.Constant(docstring or ""))],
        decorator_list=[],
        returns=None,
        lineno=1,
        col_offset=0,
    )
    module = ast.fix_missing_locations(ast.Module(body=[bare], type_ignores=[]))
    exec(compile(module, "<entrypoint>", "exec"), namespace)
    return namespace[definition.name]


def _evaluates(node: ast.expr, namespace: dict[str, Any]) -> bool:
    try:
        eval(compile(ast.Expression(node), "<entrypoint>", "eval"), namespace)
    except Exception:  # a user's expression may raise anything
        return False
    return True
