"""Random intervals, for loops that must not all wake at the same time, and exponential backoff.

Times between the events of a Poisson process are exponentially distributed; the random ones draw from that
distribution, or from a slice of it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

# A separate generator: a program that seeds `random` must not be disturbed, nor disturb these intervals.
_random = random.Random()


def poisson_interval(average_interval: float, lower: float = 0, upper: float = 1) -> float:
    """Return a random interval, exponentially distributed.

    Args:
        average_interval: The mean, in any unit of time.
        lower: The part of the distribution to draw from starts at this probability.
        upper: And ends at this one.
    """
    # Never the logarithm of 0.
    return -math.log(max(1 - _random.uniform(lower, upper), 1e-10)) * average_interval


def exponential_cdf(x: float, average_interval: float) -> float:
    """Return the probability that an exponentially distributed interval is at most `x`."""
    return 1 - math.exp(-x / average_interval)


def lower_clamp_multiple(k: float) -> float:
    """Return the multiple of the mean to cut off below, so that a cut above `k` times the mean keeps the median."""
    if k >= 50:
        return 0.0
    return math.log2(2**k / (2**k - 1))


def clamped_poisson_interval(average_interval: float, clamping_factor: float = 0.3) -> float:
    """Return a random interval that stays near its mean.

    Args:
        average_interval: The mean, in any unit of time.
        clamping_factor: How far above the mean it may be: 0.3 is 30 percent. Below, as far as keeps the median.

    Raises:
        ValueError: The factor is not above 0.
    """
    if clamping_factor <= 0:
        raise ValueError(f"`clamping_factor` must be above 0, not {clamping_factor}.")
    upper = 1 + clamping_factor
    lower = lower_clamp_multiple(upper)
    return poisson_interval(average_interval, lower=exponential_cdf(lower, 1), upper=exponential_cdf(upper, 1))


def bounded_poisson_interval(lower_bound: float, upper_bound: float) -> float:
    """Return a random interval between two bounds, which are in the same unit of time."""
    average = (lower_bound + upper_bound) / 2
    if average == 0:
        return 0.0
    return poisson_interval(
        average, lower=exponential_cdf(lower_bound, average), upper=exponential_cdf(upper_bound, average)
    )


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Return a function for the `retry_delay_seconds` of a task: each delay is twice the one before.

    Args:
        backoff_factor: Seconds before the first retry.

    Returns:
        Makes the delays from the number of retries.
    """

    def delays(retries: int) -> list[float]:
        return [backoff_factor * max(0, 2**attempt) for attempt in range(retries)]

    return delays
