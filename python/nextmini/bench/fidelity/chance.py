"""How far from its expectation chance may go."""

from __future__ import annotations

from math import exp, lgamma, log

CONFIDENCE = 0.99


def binomial_interval(tries: int, probability: float, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """The least and the largest number of successes that are in order, both included.

    Less than the first, and more than the second, come up with a chance of at most half of what is missing
    from `confidence`, each. It is exact: the distribution is added up.
    """
    if not 0.0 < probability < 1.0:
        certain = round(tries * probability)
        return certain, certain
    tail = (1.0 - confidence) / 2.0
    least, below = None, 0.0
    for successes in range(tries):
        below += _binomial(successes, tries, probability)
        if least is None and below > tail:
            least = successes
        if below >= 1.0 - tail:
            return least or 0, successes
    return (tries if least is None else least), tries


def _binomial(successes: int, tries: int, probability: float) -> float:
    """The chance of just so many successes."""
    ways = lgamma(tries + 1) - lgamma(successes + 1) - lgamma(tries - successes + 1)
    return exp(ways + successes * log(probability) + (tries - successes) * log(1.0 - probability))


def level_interval(samples: int, level: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Where a quantile of so many samples lies in the distribution that they are from: between these levels.

    A sample quantile is beyond a point of the distribution when the number of samples below that point is,
    which is binomial (David and Nagaraja, Order Statistics, section 7.1).
    """
    least, most = binomial_interval(samples, level, confidence)
    # Among few samples any may be the quantile; the levels stay within the distribution.
    return max(least, level) / samples, 1.0 - max(samples - most - 1, 1.0 - level) / samples
