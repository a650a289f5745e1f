"""Public path of annotations such as `unmapped` and `quote`; see `prefect.values.annotations`."""

from prefect.values.annotations import (
    BaseAnnotation,
    NotSet,
    Quote,
    allow_failure,
    freeze,
    opaque,
    quote,
    unmapped,
)

__all__ = ["BaseAnnotation", "NotSet", "Quote", "allow_failure", "freeze", "opaque", "quote", "unmapped"]
