"""Parameters: binding, coercion, errors, defaults, schema."""

import datetime
import enum
from typing import Annotated, Any, Literal, Optional, Union

import pydantic
from _facts import client, fact, outcome, run_id, trace

from prefect import flow, task


class Colour(enum.Enum):
    RED = "red"


class Model(pydantic.BaseModel):
    a: int
    b: str = "b"


@flow
def types(
    i: int, f: float = 1, s: str = "s", l: list[int] = (1,), d: Optional[dict[str, int]] = None, u: Union[int, str] = 1
):
    return [i, f, s, l, d, u]


trace("coerced", types, "1", "2.5", l=("3", 4), d={"a": "1"}, u="x")
trace("defaults are not coerced", types, 1)
trace("wrong type", types, "one")
trace("two wrong", types, "one", "two")
trace("int for str", types, 1, 1, 5)


@flow
def modelled(m: Model, c: Colour = Colour.RED, when: Optional[datetime.date] = None, lit: Literal["a", "b"] = "a"):
    return [type(m).__name__, m.a, m.b, type(c).__name__, type(when).__name__, lit]


trace("model from a dict", modelled, {"a": "1"}, "red", "2024-01-02")
trace("model as it is", modelled, Model(a=1))
trace("model wrong", modelled, {"a": "x", "b": 1})
trace("enum wrong", modelled, {"a": 1}, "blue")
trace("literal wrong", modelled, {"a": 1}, lit="c")


@flow
def annotated(x: Annotated[int, pydantic.Field(gt=5)], y: "int" = 3):
    return [x, y]


trace("annotated ok", annotated, 6, "4")
trace("annotated wrong", annotated, 5)


@flow
def plain(x, y=2, *, k=3):
    return [x, y, k]


trace("missing", plain)
trace("too many", plain, 1, 2, 3)
trace("unknown", plain, 1, z=2)
trace("twice", plain, 1, x=2)
trace("keyword only", plain, 1, k=5)


@flow
def variadic(*args, **kwargs):
    return [list(args), kwargs]


trace("variadic", variadic, 1, 2, a=3)


@flow(validate_parameters=False)
def unchecked(i: int):
    return i


trace("no validation", unchecked, "one")
trace("no validation, missing", unchecked)


@flow
def no_parameters():
    return 1


trace("no parameters given one", no_parameters, 1)


@flow
def mutable(x: list):
    x.append(1)
    return x


given = []
trace("list argument", mutable, given)
fact("the caller's list", given)
trace("return_state as a parameter", lambda: flow(lambda return_state: 1))
trace("wait_for as a parameter", lambda: flow(lambda wait_for: 1))
trace("task with return_state", lambda: task(lambda return_state: 1))
trace("task with wait_for", lambda: task(lambda wait_for: 1))


@task
def typed_task(i: int):
    return i


trace("tasks do not coerce", flow(lambda: typed_task("1")))
trace("task missing", flow(lambda: typed_task()))
trace("task unknown", flow(lambda: typed_task(1, z=1)))
trace("task submit missing", flow(lambda: typed_task.submit()))


final = types(3, u="z", return_state=True)
with client() as api:
    fact("recorded parameters", api.read_flow_run(run_id(final)).parameters)
final = modelled(Model(a=1), return_state=True)
with client() as api:
    fact("recorded model", api.read_flow_run(run_id(final)).parameters)
final = plain(object(), return_state=True)
with client() as api:
    fact("recorded object", api.read_flow_run(run_id(final)).parameters)

final = types("one", return_state=True)
fact(
    "state of wrong parameters",
    {"type": final.type, "name": final.name, "start": final.message[:40] if final.message else None},
)
final = plain(return_state=True) if False else None


@flow
def documented(x: int, y: str = "why", z: Optional[list[Model]] = None):
    """What it does.

    Args:
        x: The first one.
        y: The second one,
            in two lines.
    """


fact(
    "schema",
    documented.parameters.model_dump() if hasattr(documented.parameters, "model_dump") else dict(documented.parameters),
)
fact("description", documented.description)
trace("validate", documented.validate_parameters, {"x": "1"})
trace("validate wrong", documented.validate_parameters, {"x": "one"})
trace("serialize", documented.serialize_parameters, {"x": 1, "z": [Model(a=1)]})
