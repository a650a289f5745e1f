"""Public path of random intervals; see `prefect._backoff`."""

from prefect._backoff import (
    bounded_poisson_interval,
    clamped_poisson_interval,
    exponential_cdf,
    lower_clamp_multiple,
    poisson_interval,
)

__all__ = [
    "bounded_poisson_interval",
    "clamped_poisson_interval",
    "exponential_cdf",
    "lower_clamp_multiple",
    "poisson_interval",
]
