"""Every exception this package raises on purpose, in one tree, so that a program catches as wide as it means to.

It must stay free of imports beyond the standard library, and of the slow ones among those (they are made inside the
functions that need them): everything else in the package may raise from here.

    BaseException
    ├── PrefectSignal                  moves a run to a state; `except Exception` must not swallow it
    │   ├── Abort                        the server refused the run's next state
    │   └── Pause                        a run pauses or suspends
    ├── ExternalSignal                 a request to stop from outside the program
    │   └── TerminationSignal            an operating system signal
    └── Exception
        ├── ImportError
        │   └── PrefectImportError       an optional dependency is missing
        ├── httpx.HTTPStatusError
        │   └── PrefectHTTPStatusError   an HTTP error that shows the server's answer
        └── PrefectException
            ├── outcomes of a run        CrashedRun  FailedRun  CancelledRun  PausedRun  UnfinishedRun
            │                            UpstreamTaskError
            ├── waiting for a run        FlowPauseTimeout  FlowRunWaitTimeout  FlowRunWatchError  NotPausedError
            ├── calling a flow or task   ParameterTypeError  ParameterBindError (TypeError)
            │                            SignatureMismatchError (TypeError)  ReservedArgumentError (TypeError)
            │                            MappingLengthMismatch  MappingMissingIterable
            ├── finding flows            MissingFlowError  UnspecifiedFlowError  ScriptError
            ├── results and caches       MissingResult  SerializationError  HashError  ConfigurationError
            ├── context and names        MissingContextError (RuntimeError)  InvalidNameError (ValueError)
            ├── settings                 MissingProfileError (ValueError)  ProfileSettingsValidationError
            ├── the API                  ObjectNotFound  ObjectAlreadyExists  ObjectLimitReached  ObjectUnsupported
            │                            EventTooLarge
            ├── blocks                   BlockMissingCapabilities  ProtectedBlockError  InvalidRepositoryURLError
            └── infrastructure           InfrastructureError  InfrastructureNotAvailable  InfrastructureNotFound
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self

    import httpx
    from pydantic import ValidationError


def exception_traceback(exc: Exception) -> str:
    """Return the traceback of an exception as Python would print it, ending in a newline."""
    import traceback

    return "".join(traceback.TracebackException.from_exception(exc).format())


def _restore(kind: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    """Unpickle an exception without calling its constructor, whose parameters are not always its `args`."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class PrefectException(Exception):
    """The base of the errors of this package."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, dict(self.__dict__))


# --- signals ---------------------------------------------------------------------------------------------------------


class PrefectSignal(BaseException):
    """The base of what moves a run to another state; it passes through `except Exception`."""


class Abort(PrefectSignal):
    """The run must stop immediately, because its next state was refused."""


class Pause(PrefectSignal):
    """The run pauses.

    Args:
        state: The paused or suspended state that the run has entered.
    """

    def __init__(self, *args: Any, state: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.state = state


class ExternalSignal(BaseException):
    """Base class of requests to stop from outside the program."""


class TerminationSignal(ExternalSignal):
    """The process received a signal to stop from the operating system.

    Args:
        signal: The number of the signal, for example 15 for SIGTERM.
    """

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal


# --- outcomes of a run -----------------------------------------------------------------------------------------------


class CrashedRun(PrefectException):
    """The run whose result was requested crashed."""


class FailedRun(PrefectException):
    """The run whose result was requested failed without an exception."""


class CancelledRun(PrefectException):
    """The run whose result was requested was cancelled."""


class PausedRun(PrefectException):
    """The run whose result was requested is paused.

    Args:
        state: The state the run is in.
    """

    def __init__(self, *args: Any, state: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.state = state


class UnfinishedRun(PrefectException):
    """The run whose result was requested has not finished."""


class UpstreamTaskError(PrefectException):
    """A task cannot run, because a task it depends on did not complete."""


# --- concurrency limits ----------------------------------------------------------------------------------------------


class ConcurrencySlotAcquisitionError(PrefectException):
    """Slots of a concurrency limit could not be taken, or were lost."""


class AcquireConcurrencySlotTimeoutError(PrefectException, TimeoutError):
    """Slots of a concurrency limit were not free in time."""


# --- waiting for a run -----------------------------------------------------------------------------------------------


class FlowPauseTimeout(PrefectException):
    """A paused flow run was not resumed in time."""


class FlowRunWaitTimeout(PrefectException):
    """A flow run did not finish within the time its caller was willing to wait."""


class FlowRunWatchError(PrefectException):
    """Watching a flow run broke off, and polling for its state did too."""


class NotPausedError(PrefectException):
    """A flow run was to be resumed that is not paused."""


# --- calling a flow or a task ----------------------------------------------------------------------------------------


class ParameterTypeError(PrefectException):
    """Parameters do not fit the type hints of a flow."""

    def __init__(self, msg: str) -> None:
        super().__init__(msg)

    @classmethod
    def from_validation_error(cls, exc: ValidationError) -> Self:
        """Name each bad field, why it is bad and the value it had."""
        lines = [_describe_bad_field(error) for error in exc.errors(include_url=False)]
        return cls("These parameters are not valid:\n" + "\n".join(lines))


def _describe_bad_field(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "(all)"
    if error["type"] == "missing":
        return f" - {where}: {error['msg']}"
    value = repr(error["input"])
    if len(value) > 100:
        value = value[:97] + "..."
    return f" - {where}: {error['msg']} (got {value})"


class ParameterBindError(TypeError, PrefectException):
    """A function cannot be called with these arguments."""

    __reduce__ = PrefectException.__reduce__

    def __init__(self, msg: str) -> None:
        super().__init__(msg)

    @classmethod
    def from_bind_failure(
        cls, fn: Callable[..., Any], exc: TypeError, call_args: tuple[Any, ...], call_kwargs: dict[str, Any]
    ) -> Self:
        """Build the error from the function, the error of binding and the arguments."""
        import inspect

        name = getattr(fn, "__name__", None) or type(fn).__name__
        values = repr(tuple(call_args))
        if len(values) > 200:
            values = values[:197] + "..."
        return cls(
            f"{name!r} cannot be called with these arguments: {exc}. "
            f"It takes {inspect.signature(fn)}; it was called with {values} and the keywords {list(call_kwargs)}."
        )


class SignatureMismatchError(PrefectException, TypeError):
    """The names of the passed parameters are not the names of the function's parameters."""

    def __init__(self, msg: str) -> None:
        super().__init__(msg)

    @classmethod
    def from_bad_params(cls, expected_params: list[str], provided_params: list[str]) -> Self:
        """Build the error from the names that the function takes and those that were passed."""
        return cls(f"The function takes the parameters {expected_params}, but got {provided_params}")


class ReservedArgumentError(PrefectException, TypeError):
    """A function uses a parameter name that this package keeps for itself."""


class MappingLengthMismatch(PrefectException):
    """The iterables passed to a mapped task differ in length."""


class MappingMissingIterable(PrefectException):
    """A task was mapped over parameters of which none is an iterable."""


# --- finding flows ---------------------------------------------------------------------------------------------------


class MissingFlowError(PrefectException):
    """There is no such flow in the file or module."""


class UnspecifiedFlowError(PrefectException):
    """The file or module has several flows, and none was named."""


class ScriptError(PrefectException):
    """A script raised while it was loaded.

    Args:
        user_exc: What the script raised.
        path: The file it was loaded from.
    """

    def __init__(self, user_exc: Exception, path: str) -> None:
        super().__init__(f"Loading the script {str(path)!r} failed: {user_exc!r}")
        self.user_exc = user_exc


# --- results and caches ----------------------------------------------------------------------------------------------


class MissingResult(PrefectException):
    """The result of a run is gone, or was never kept."""


class SerializationError(PrefectException):
    """A value cannot be written, or not be read back."""


class HashError(PrefectException):
    """A value has no stable hash, so no cache key can be made of it."""


class ConfigurationError(PrefectException):
    """Options contradict each other."""


# --- context and names -----------------------------------------------------------------------------------------------


class MissingContextError(PrefectException, RuntimeError):
    """A flow run or task run context is needed and missing."""


class InvalidNameError(PrefectException, ValueError):
    """A name has characters that it must not have."""


# --- settings --------------------------------------------------------------------------------------------------------


class MissingProfileError(PrefectException, ValueError):
    """There is no settings profile of that name."""


class ProfileSettingsValidationError(PrefectException):
    """Settings of a profile are not valid.

    Args:
        errors: Each setting and what is wrong with its value.
    """

    def __init__(self, errors: list[tuple[Any, ValidationError]]) -> None:
        super().__init__(errors)
        self.errors = errors


# --- the API ---------------------------------------------------------------------------------------------------------


class ObjectNotFound(PrefectException):
    """The API knows no such object.

    Args:
        http_exc: The HTTP error of the API.
        help_message: What the message should be instead of the HTTP error's.
    """

    def __init__(self, http_exc: Exception, help_message: str | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(help_message, *args, **kwargs)
        self.http_exc = http_exc
        self.help_message = help_message

    def __str__(self) -> str:
        return self.help_message or str(self.http_exc)


class _Refused(PrefectException):
    """Base class of HTTP errors with a specific meaning."""

    def __init__(self, http_exc: Exception, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.http_exc = http_exc

    def __str__(self) -> str:
        return super().__str__() or str(self.http_exc)


class ObjectAlreadyExists(_Refused):
    """The API has such an object already."""


class ObjectLimitReached(_Refused):
    """The API holds as many objects of this kind as it may."""


class ObjectUnsupported(_Refused):
    """The API cannot keep this kind of object."""


class EventTooLarge(PrefectException):
    """An event is larger than the API accepts.

    Args:
        size: The size of the event in bytes.
        maximum: The largest size accepted, in bytes.
    """

    def __init__(self, size: int, maximum: int) -> None:
        super().__init__(f"The event has {size} bytes, and at most {maximum} can be sent")
        self.size = size
        self.maximum = maximum


# --- blocks ----------------------------------------------------------------------------------------------------------


class BlockMissingCapabilities(PrefectException):
    """A block lacks a required capability."""


class ProtectedBlockError(PrefectException):
    """A protected block was to be changed or deleted."""


class InvalidRepositoryURLError(PrefectException):
    """The URL of a repository has a form that cannot be used."""


# --- infrastructure --------------------------------------------------------------------------------------------------


class InfrastructureError(PrefectException):
    """The infrastructure of a run could not be made, found or stopped."""


class InfrastructureNotAvailable(PrefectException):
    """The infrastructure of a run cannot be reached from here."""


class InfrastructureNotFound(PrefectException):
    """The infrastructure of a run is gone."""


class PrefectImportError(ImportError):
    """An optional dependency is missing.

    Args:
        message: What is missing, and how to install it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)


if TYPE_CHECKING:

    class PrefectHTTPStatusError(httpx.HTTPStatusError):
        """An HTTP error whose message shows what the server answered."""

        @classmethod
        def from_httpx_error(cls, httpx_error: httpx.HTTPStatusError) -> Self: ...


def __getattr__(name: str) -> Any:
    """Make `PrefectHTTPStatusError` at its first use: its base class is httpx's, which is slow to import."""
    if name != "PrefectHTTPStatusError":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = kind = _make_http_status_error()
    return kind


def _make_http_status_error() -> type[Exception]:
    from httpx import HTTPStatusError

    class PrefectHTTPStatusError(HTTPStatusError):
        """An HTTP error whose message shows what the server answered."""

        @classmethod
        def from_httpx_error(cls, httpx_error: HTTPStatusError) -> Self:
            """Make one from httpx's own, with the JSON body of the answer in the message."""
            message, *more = str(httpx_error).split("\n")
            try:
                message += f" (the server answered: {httpx_error.response.json()})"
            except ValueError:
                pass  # no body, or not JSON
            error = cls("\n".join([message, *more]), request=httpx_error.request, response=httpx_error.response)
            return error.with_traceback(httpx_error.__traceback__)

        def __reduce__(self) -> tuple[Any, ...]:
            return _restore, (type(self), self.args, dict(self.__dict__))

    PrefectHTTPStatusError.__module__ = __name__
    PrefectHTTPStatusError.__qualname__ = "PrefectHTTPStatusError"
    return PrefectHTTPStatusError
