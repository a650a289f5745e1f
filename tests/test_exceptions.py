"""The tree of exceptions: complete, cheap, and whole after a trip through pickle."""

import pickle
import subprocess
import sys

import httpx
import pydantic
import pytest

from prefect import exceptions as errors


def http_error() -> httpx.HTTPStatusError:
    request = httpx.Request("GET", "http://api/flows/1")
    response = httpx.Response(404, json={"detail": "no flow"}, request=request)
    return httpx.HTTPStatusError("404 Not Found", request=request, response=response)


def test_bind_failure_names_the_function_its_signature_and_the_arguments():
    def add(x, y=1):
        return x + y

    error = errors.ParameterBindError.from_bind_failure(add, TypeError("missing 'x'"), (), {"z": 2})
    assert isinstance(error, TypeError)
    for part in ("'add'", "missing 'x'", "(x, y=1)", "['z']"):
        assert part in str(error)


def test_a_validation_error_names_each_bad_field_its_value_and_the_reason():
    class Person(pydantic.BaseModel):
        age: int
        name: str

    with pytest.raises(pydantic.ValidationError) as caught:
        Person.model_validate({"age": "x" * 1000})
    text = str(errors.ParameterTypeError.from_validation_error(caught.value))
    assert "age: " in text and "valid integer" in text and "'xxx" in text
    assert "name: Field required" in text
    assert len(text) < 400


def test_an_http_error_shows_what_the_server_answered():
    original = http_error()
    error = errors.PrefectHTTPStatusError.from_httpx_error(original)
    assert "no flow" in str(error)
    assert error.response is original.response
    assert isinstance(error, httpx.HTTPStatusError)


def test_object_error_without_a_message_has_that_of_the_http_error():
    assert "404" in str(errors.ObjectNotFound(http_error()))
    assert str(errors.ObjectNotFound(http_error(), help_message="No such flow.")) == "No such flow."
    assert "404" in str(errors.ObjectAlreadyExists(http_error()))


@pytest.mark.parametrize(
    "error",
    [
        errors.PrefectHTTPStatusError.from_httpx_error(http_error()),
        errors.ObjectNotFound(errors.PrefectHTTPStatusError.from_httpx_error(http_error()), "help"),
        errors.ObjectAlreadyExists(ValueError("x"), "there is one"),
        errors.EventTooLarge(5, 4),
        errors.ScriptError(ValueError("x"), "flow.py"),
        errors.ParameterBindError("no"),
        errors.TerminationSignal(15),
        errors.Pause("wait"),
        errors.ProfileSettingsValidationError([("a", None)]),  # pyright: ignore[reportArgumentType]
    ],
    ids=lambda e: type(e).__name__,
)
def test_an_exception_survives_pickling(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__.keys() == error.__dict__.keys()


def test_signals_are_not_ordinary_exceptions():
    assert not issubclass(errors.PrefectSignal, Exception)
    assert not issubclass(errors.ExternalSignal, Exception)


def test_importing_the_tree_imports_nothing_heavy():
    heavy = {"pydantic", "httpx", "inspect", "asyncio", "traceback"}
    code = f"import sys; old = set(sys.modules); import prefect.exceptions; print({heavy} & set(sys.modules) - old)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"


def test_a_traceback_is_text_as_python_prints_it():
    try:
        raise ValueError("boom")
    except ValueError as error:
        assert errors.exception_traceback(error).endswith("ValueError: boom\n")
