"""Render users' templates within bounds of time and size, since a server renders them between requests of others.

Loops, calls, filters, operators and outputs count as steps; what could make one of them long is refused: large numbers
and long texts as arguments, powers and products of many digits, texts that grow beyond the limit.
"""

from __future__ import annotations

import functools
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType
from typing import Any

import jinja2.exceptions
import orjson
from jinja2 import nodes, sandbox
from jinja2.visitor import NodeTransformer

from prefect.form_values import links
from prefect.types import json_codec

MAX_SECONDS = 0.5
"""How much processor time a template may take; a busy machine makes none fail."""

MAX_STEPS = 200_000
"""Items of loops, calls, filters, operators and outputs of one rendering."""

MAX_CHARACTERS = 500_000
"""Length of the result, and of each text that a template makes."""

MAX_NUMBER = 100_000
"""The largest number that a filter, or a method of a text, takes."""

MAX_ARGUMENT_LENGTH = 200
"""The longest text that a filter, or a method of a text, takes besides the one that it changes."""

MAX_BITS = 10_000
"""The size of numbers that products and powers make."""

COMPILED_TEMPLATES = 200
"""Templates whose code is kept."""

_WIDE_FORMAT = re.compile(r"\d{5,}|\*")


class TemplateTooLarge(Exception):
    """A template takes too long, or makes something too large."""


def render(template: str, context: Mapping[str, Any]) -> str:
    """Return a template rendered with the variables of a context.

    Raises:
        TemplateTooLarge: It would take too long, or make something too large.
        Exception: What is wrong with the template; it may fail in any way.
    """
    code = _compile(template)
    environment = getattr(_of_thread, "environment", None)
    if environment is None:
        environment = _of_thread.environment = _Environment()
    environment.begin()
    return jinja2.Template.from_code(environment, code, environment.make_globals(None)).render(context)


_of_thread = threading.local()
"""The environment of each thread that renders, which takes longer to make than most templates to render."""


@functools.lru_cache(COMPILED_TEMPLATES)
def _compile(template: str) -> CodeType:
    """Return the code of a template, which takes longer to make than to run."""
    environment = _Environment()
    parsed: nodes.Template = _Bounder().visit(environment.parse(template))
    return environment.compile(parsed)


class _Bounder(NodeTransformer):
    """Has loops and concatenations of a template go through functions that count."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, _COUNTED_ITEMS, [], [], None, None)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        self.generic_visit(node)
        return nodes.Filter(nodes.List(node.nodes), _JOINED, [], [], None, None)


_COUNTED_ITEMS, _JOINED = "counted items", "joined"  # no template can name such a filter


class _Environment(sandbox.ImmutableSandboxedEnvironment):
    """A sandbox that counts what one template does."""

    intercepted_binops = frozenset(("*", "**", "%", "+"))

    def __init__(self) -> None:
        # Optimizing would compute constants before anything is counted.
        super().__init__(undefined=jinja2.ChainableUndefined, optimized=False, finalize=self._count_output)
        self.begin()
        del self.globals["lipsum"]
        self.policies["json.dumps_function"] = _dump_json
        filters = {**self.filters, **links.FILTERS}
        self.filters = {name: self._count_filter(name, function) for name, function in filters.items()}
        self.filters |= {_COUNTED_ITEMS: self._count_items, _JOINED: self._join}

    def begin(self) -> None:
        """Start counting the operations of another template."""
        self._steps = 0
        self._characters = 0
        self._deadline = time.thread_time() + MAX_SECONDS

    def unsafe_undefined(self, obj: Any, attribute: str) -> Any:
        """Refuse an attribute that leads out of the sandbox; an undefined value would hide the attempt."""
        raise jinja2.exceptions.SecurityError(
            f"access to attribute {attribute!r} of {type(obj).__name__!r} object is unsafe."
        )

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS or time.thread_time() > self._deadline:
            raise TemplateTooLarge(f"It takes more than {MAX_SECONDS:g} seconds or {MAX_STEPS:,} steps.")

    def _count_items(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._step()
            yield item

    def _count_output(self, value: Any) -> Any:
        self._step()
        self._characters += len(str(value))
        _check_length(self._characters)
        return value

    def _join(self, parts: list[Any]) -> str:
        self._step()
        texts = [str(part) for part in parts]
        _check_length(sum(map(len, texts)))
        return "".join(texts)

    def _count_filter(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        passed = 2 if hasattr(function, "jinja_pass_arg") else 1  # arguments that are not options

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            self._step()
            _check_arguments((*args[passed:], *options.values()))
            if name == "format":
                _check_format(args[passed - 1])
            return _check_result(function(*args, **options))

        return call

    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        self._step()
        text = getattr(getattr(obj, "__wrapped__", obj), "__self__", None)  # the sandbox wraps `str.format`
        if isinstance(text, str):
            _check_arguments((*args, *kwargs.values()))
            _check_format(text)
        return _check_result(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        self._step()
        if operator == "%" and isinstance(left, str):
            _check_format(left)
            _check_arguments(right if isinstance(right, tuple) else (right,))
        elif operator != "%" and not _is_small(operator, left, right):
            raise TemplateTooLarge(f"The operator {operator} makes something too large.")
        return super().call_binop(context, operator, left, right)


def _dump_json(value: Any, **_: Any) -> str:
    """Return a value of the store, which may have times and ids, as JSON."""
    return json_codec.dumps(value, str, orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS).decode()


def _check_length(length: int) -> None:
    if length > MAX_CHARACTERS:
        raise TemplateTooLarge(f"It makes a text of more than {MAX_CHARACTERS:,} characters.")


def _check_result(value: Any) -> Any:
    if isinstance(value, str):
        _check_length(len(value))
    return value


def _check_arguments(values: Iterable[Any]) -> None:
    for value in values:
        is_large = isinstance(value, int) and abs(value) > MAX_NUMBER
        if is_large or (isinstance(value, str) and len(value) > MAX_ARGUMENT_LENGTH):
            raise TemplateTooLarge(
                f"An argument is a number beyond {MAX_NUMBER:,}, or a text of more than {MAX_ARGUMENT_LENGTH} "
                "characters."
            )


def _check_format(text: Any) -> None:
    if isinstance(text, str) and ("%" in text or "{" in text) and _WIDE_FORMAT.search(text):
        raise TemplateTooLarge("It formats with a width of five digits or more, or one from an argument.")


def _is_small(operator: str, left: Any, right: Any) -> bool:
    if operator == "+":
        return not (hasattr(left, "__len__") and hasattr(right, "__len__")) or len(left) + len(right) <= MAX_CHARACTERS
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * max(right, 1) if operator == "**" else left.bit_length() + right.bit_length()
        return bits <= MAX_BITS
    sequence, number = (right, left) if isinstance(left, int) else (left, right)
    if hasattr(sequence, "__len__") and isinstance(number, int):
        return len(sequence) * number <= MAX_CHARACTERS
    return True
