"""Annotations of arguments that change how a task treats them, such as `unmapped` and `quote`.

An annotation is a tuple of one value: it compares and unpacks by the value, and knows nothing of tasks.
"""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S")


class _PublicName(type):
    """Shows a class by its public name, as the interface does."""

    def __repr__(cls) -> str:
        return f"<class 'prefect.utilities.annotations.{cls.__qualname__}'>"


class NotSet(metaclass=_PublicName):
    """Marks an argument that was not passed, where None has a meaning. The class itself is the mark."""


class BaseAnnotation(tuple[T]):
    """Base of annotations.

    Args:
        value: The annotated value.
    """

    __slots__ = ()

    def __new__(cls, value: T) -> BaseAnnotation[T]:
        return super().__new__(cls, (value,))

    def __getnewargs__(self) -> tuple[T]:
        return (self.value,)

    @property
    def value(self) -> T:
        """The annotated value."""
        return tuple.__getitem__(self, 0)

    def unwrap(self) -> T:
        """Return the annotated value."""
        return self.value

    def rewrap(self, value: S) -> BaseAnnotation[S]:
        """Return the same annotation of another value."""
        return type(self)(value)  # pyright: ignore[reportArgumentType, reportReturnType]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and tuple.__eq__(self, other)  # pyright: ignore[reportArgumentType]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self), self.value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class unmapped(BaseAnnotation[T]):
    """An iterable that every run of a mapped task gets whole, instead of one item."""

    __slots__ = ()

    def __getitem__(self, _: object) -> T:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.value


class allow_failure(BaseAnnotation[T]):
    """An upstream run that may fail: the task then runs with the exception as the value."""

    __slots__ = ()


class quote(BaseAnnotation[T]):
    """A value that is passed unchanged: it is not searched for futures, which is slow for a large value.

    Dependencies on futures inside it are therefore not known.
    """

    __slots__ = ()

    def unquote(self) -> T:
        """Return the annotated value."""
        return self.value


class Quote(quote[T]):
    """The old name of `quote`. Deprecated."""

    __slots__ = ()

    def __new__(cls, expr: T) -> Quote[T]:
        import warnings

        warnings.warn("`Quote` is deprecated: use `quote`.", DeprecationWarning, stacklevel=2)
        return super().__new__(cls, expr)  # pyright: ignore[reportReturnType]


class opaque(BaseAnnotation[T]):
    """A value that is resolved itself, but not searched: a future is resolved, a future in a list is not."""

    __slots__ = ()


class freeze(BaseAnnotation[T]):
    """A parameter of a deployment that runs cannot override.

    Args:
        value: A JSON value.

    Raises:
        ValueError: The value cannot be serialized as JSON.
    """

    __slots__ = ()

    def __new__(cls, value: T) -> freeze[T]:
        from pydantic_core import PydanticSerializationError, to_json

        try:
            to_json(value)
        except PydanticSerializationError as error:
            raise ValueError(
                f"A frozen value must be JSON serializable, and a {type(value).__name__} is not."
            ) from error
        return super().__new__(cls, value)  # pyright: ignore[reportReturnType]

    def unfreeze(self) -> T:
        """Return the annotated value."""
        return self.value
