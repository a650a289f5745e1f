"""Contexts of other packages: plain subclasses of `ContextModel` with annotated fields."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, ClassVar

import pytest
from pydantic import Field, ValidationError

from prefect.context import ContextModel, FlowRunContext


class Options(ContextModel):
    limit: int
    name: str = "default"
    more: dict[str, Any] = Field(default_factory=dict)

    __var__: ClassVar[ContextVar[Options]] = ContextVar("options")


def test_plain_subclass_is_current_inside_its_block():
    assert Options.get() is None
    with Options(limit=1) as options:
        assert Options.get() is options
        assert (options.limit, options.name, options.more) == (1, "default", {})
    assert Options.get() is None


def test_fields_are_validated():
    assert Options(limit="5").limit == 5
    for values in ({"limit": "x"}, {}, {"limit": 1, "unknown": 2}):
        with pytest.raises(ValidationError, match="Options"):
            Options(**values)


def test_default_factory_makes_a_new_value_each_time():
    first, second = Options(limit=1), Options(limit=1)
    first.more["a"] = 1
    assert second.more == {}


def test_fields_are_dumped_copied_and_serialized():
    options = Options(limit=1, more={"a": 1})
    assert options.model_dump() == {"limit": 1, "name": "default", "more": {"a": 1}}
    assert options.serialize() == {"limit": 1, "more": {"a": 1}}
    assert options.model_copy(update={"limit": 2}).limit == 2
    assert repr(options) == "Options(limit=1, name='default', more={'a': 1})"


def test_get_may_be_overridden_with_the_variable():
    class Remote(ContextModel):
        options: dict[str, Any] = Field(default_factory=dict)
        __var__: ContextVar[Remote] = ContextVar("remote")

        @classmethod
        def get(cls) -> Remote:
            return cls.__var__.get(cls())

    assert Remote.get().options == {}
    with Remote(options={"cpus": 1}):
        assert Remote.get().options == {"cpus": 1}


def test_contexts_of_runs_have_their_variable():
    assert FlowRunContext.__var__.get(None) is None  # pyright: ignore[reportAttributeAccessIssue]
