"""Pydantic helpers: partial models, pickling, encoders, secrets."""

import pickle

import pydantic
import pytest

from prefect.utilities.generics import validate_list
from prefect.utilities.pydantic import (
    PartialModel,
    add_cloudpickle_reduction,
    custom_pydantic_encoder,
    get_class_fields_only,
    handle_secret_render,
    parse_obj_as,
)


class Model(pydantic.BaseModel):
    a: int
    b: str = "x"


class Child(Model):
    a: int = 3
    c: int = 1


@add_cloudpickle_reduction
class Pickled(pydantic.BaseModel):
    x: int = 1


@add_cloudpickle_reduction(exclude={"x"})
class Forgetful(pydantic.BaseModel):
    x: int = 1


def test_partial_model_collects_fields_until_finalized():
    partial = PartialModel(Model, b="q")
    partial.a = 3
    assert partial.finalize() == Model(a=3, b="q")
    assert repr(partial) == "PartialModel(cls=Model, b='q', a=3)"
    with pytest.raises(ValueError, match="already"):
        partial.finalize(a=4)
    with pytest.raises(ValueError, match="'z'"):
        partial.z = 1
    with pytest.raises(pydantic.ValidationError):
        PartialModel(Model).finalize()


def test_parse_obj_as_validates_any_type():
    assert parse_obj_as(list[Model], [{"a": "1"}]) == [Model(a=1)]
    assert parse_obj_as(Model, '{"a": 2}', "json") == Model(a=2)
    assert parse_obj_as(int, "3", "strings") == 3
    assert validate_list(Model, [{"a": 1}]) == [Model(a=1)]
    with pytest.raises(pydantic.ValidationError):
        validate_list(Model, {"a": 1})


def test_get_class_fields_only_omits_inherited_fields():
    assert get_class_fields_only(Child) == {"a", "c"}
    assert get_class_fields_only(Model) == {"a", "b"}


def test_add_cloudpickle_reduction_pickles_models():
    assert pickle.loads(pickle.dumps(Pickled(x=3))) == Pickled(x=3)
    assert pickle.loads(pickle.dumps(Forgetful(x=3))) == Forgetful(x=1)


def test_custom_pydantic_encoder_prefers_class_encoders():
    assert custom_pydantic_encoder({Model: lambda m: m.b}, Child(a=1)) == "x"
    assert custom_pydantic_encoder({}, Model(a=1)) == {"a": 1, "b": "x"}


def test_handle_secret_render_masks_secrets_by_default():
    secret = pydantic.SecretStr("abc")
    assert handle_secret_render(secret, {}) == "********"
    assert handle_secret_render(secret, {"include_secrets": True}) == "abc"
    assert handle_secret_render(Model(a=1), {}) == {"a": 1, "b": "x"}
    assert handle_secret_render(5, {}) == 5
