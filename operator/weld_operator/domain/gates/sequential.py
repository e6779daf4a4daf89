"""Intervals that hold at every look at once, however often and whenever somebody looks.

Gates are judged again and again while samples come in, and the first Pass or Fail counts. An interval for one look,
such as Wilson's, would be wrong far more often than it says. These are confidence sequences: with probability
1 - `error` the truth lies within the interval at all looks together, also at one that was chosen by what was seen. Each
follows from Ville's inequality: a process that is never negative, begins at 1 and does not grow on average (a
supermartingale) ever reaches 1 / `error` with probability `error` at most (Ville, Étude critique de la notion de
collectif, 1939). The interval is what is left when all values are struck off for which such a process has got so far.

- A share: the mixture of likelihood ratios over a beta distribution (Robbins, Statistical methods related to the law of
  the iterated logarithm, Annals of Mathematical Statistics 41, 1970; Howard, Ramdas, McAuliffe & Sekhon, Time-uniform,
  nonparametric, nonasymptotic confidence sequences, Annals of Statistics 49, 2021). Exact at every number of samples.
- A mean of values between -1 and 1: for x >= -1 and 0 <= t < 1, exp(t x - psi(t) x²) <= 1 + t x with
  psi(t) = -log(1 - t) - t (Fan, Grama & Liu, Exponential inequalities for martingales with applications, Electronic
  Journal of Probability 20, 2015), so the product over samples is such a process, and so is a mixture of several t. It
  knows of the samples only their number, sum and sum of squares. Exact at every number of samples.
- A rate of work: Robbins' normal mixture, with a variance that is assumed and not measured (Waudby-Smith, Arbour,
  Sinha, Kennedy & Ramdas, Time-uniform central limit theory and asymptotic confidence sequences, Annals of Statistics
  52, 2024). It holds for many passes, not for few.

What they assume: the expected value of the next sample, given all before, is one and the same throughout. Samples need
not be independent beyond that, but readings are not even this: those of one sensor are alike, a fault comes in bursts,
and night is unlike day. A burst then counts as more evidence than it is. That is what the sample floor and the time
that a step holds are for: they make sure that more than one burst, and more than one hour, is in the count. They mend
this in part only, so floors should be well above the readings that one event brings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

_HALVINGS = 40
_LARGEST_TILT = 0.58
"""Up to here the exponent of `_mean_is_too_low` rises all the way as the mean falls, so that an interval is left."""
_TILTS = tuple(_LARGEST_TILT / 2.0**power for power in range(20))
"""The mixture for a mean: from few samples to some 10^11."""
_PRICES = tuple(-math.log1p(-tilt) - tilt for tilt in _TILTS)
_RANGE = 2.0
"""A value between -1 and 1 lies at most so far below a mean between -1 and 1."""


class Interval(NamedTuple):
    """Lowest and highest value that is not struck off."""

    lower: float
    upper: float


def share_interval(bad: float, samples: float, expected: float, error: float) -> Interval:
    """For the share of bad ones, of which `bad` of `samples` were seen.

    `expected`: near which share it should be most precise, chosen before anything is seen; the limit it is held
    against. The mixture is Beta(1/2, b) with this mean, so neither 0 nor 1 is possible: they are taken for nearly that.
    """
    if samples <= 0:
        return Interval(0.0, 1.0)
    good = samples - bad
    mean = min(max(expected, 1e-6), 1 - 1e-6)
    first, second = (0.5, 0.5 * (1 - mean) / mean) if mean <= 0.5 else (0.5 * mean / (1 - mean), 0.5)
    mixed = _log_beta(first + bad, second + good) - _log_beta(first, second) + math.log(error)

    def is_struck_off(share: float) -> bool:
        return mixed >= (bad * math.log(share) if bad else 0.0) + (good * math.log1p(-share) if good else 0.0)

    seen = bad / samples
    lower = _edge(is_struck_off, outside=0.0, inside=seen) if bad else 0.0
    upper = _edge(is_struck_off, outside=1.0, inside=seen) if good else 1.0
    return Interval(lower, upper)


def mean_interval(samples: float, total: float, squares: float, error: float) -> Interval:
    """For the mean of values between -1 and 1, by their number, sum and sum of squares."""
    if samples <= 0:
        return Interval(-1.0, 1.0)
    squares = max(squares, total * total / samples)
    mean = total / samples
    half = math.log(2 / error)

    def is_too_low(value: float) -> bool:
        return _evidence_of_more(value, samples, total, squares) >= half

    def is_too_high(value: float) -> bool:
        return _evidence_of_more(-value, samples, -total, squares) >= half

    lower = _edge(is_too_low, outside=-1.0, inside=mean) if is_too_low(-1.0) else -1.0
    upper = _edge(is_too_high, outside=1.0, inside=mean) if is_too_high(1.0) else 1.0
    return Interval(lower, upper)


def relative_radius(passes: float, planned: float, error: float) -> float:
    """How far a rate of work may be from the one measured, as a share of it; 0.1 for 10 %.

    The rate is the sum of what `passes` did over the sum of the time they took. Assumed: what a pass did, less what the
    true rate makes of its time, varies from pass to pass with a standard deviation of at most what a pass does on
    average. `planned`: number of passes at which the interval should be narrowest, chosen beforehand.
    """
    if passes <= 0:
        return math.inf
    spread = -2 * math.log(error)
    scale = (spread + math.log1p(spread)) / max(planned, 1.0)
    grown = passes * scale + 1
    return math.sqrt(grown / scale * (math.log(grown) + spread)) / passes


def _evidence_of_more(mean: float, samples: float, total: float, squares: float) -> float:
    """Logarithm of the process that grows when the true mean is above `mean`."""
    above = (total - samples * mean) / _RANGE
    spread = max(squares - 2 * mean * total + samples * mean * mean, 0.0) / _RANGE**2
    exponents = [tilt * above - price * spread for tilt, price in zip(_TILTS, _PRICES, strict=True)]
    largest = max(exponents)
    return largest + math.log(sum([math.exp(each - largest) for each in exponents]) / len(exponents))


def _edge(is_struck_off: Callable[[float], bool], *, outside: float, inside: float) -> float:
    """Where striking off begins on the way from `inside` to `outside`, which is struck off; by halving."""
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        if middle in (outside, inside):
            break
        if is_struck_off(middle):
            outside = middle
        else:
            inside = middle
    return outside


def _log_beta(first: float, second: float) -> float:
    return math.lgamma(first) + math.lgamma(second) - math.lgamma(first + second)
