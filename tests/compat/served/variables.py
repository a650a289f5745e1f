"""Variables set, read, overwritten and unset."""

import _served  # noqa: F401
from _facts import client, fact, trace

from prefect.variables import Variable

for value in (1, "text", 2.5, True, None, [1, "a"], {"a": {"b": [None]}}):
    Variable.set("kept", value, overwrite=True)
    fact(f"value {value!r}", Variable.get("kept"))
Variable.set("tagged", "x", tags=["one", "two"])
trace("twice", lambda: Variable.set("tagged", "y"))
fact("missing", Variable.get("nothing", default="else"))
trace("bad name", lambda: Variable.set("Bad Name!", 1))
with client() as api:
    found = api.read_variable_by_name("tagged")
    fact("read", [found.name, found.value, found.tags])
    fact("all", sorted(each.name for each in api.read_variables() if each.name in ("kept", "tagged")))
    fact("none", api.read_variable_by_name("nothing"))
fact("unset", Variable.unset("tagged"))
fact("unset again", Variable.unset("tagged"))
