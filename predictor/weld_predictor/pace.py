"""How long a pass takes, and how much later than reckoned answers are given, learnt from those before."""

from __future__ import annotations

import math

_WEIGHT = 0.05
"""Of the latest pass: about twenty passes count."""
_MOST_SURPRISE, _LEAST_SURPRISE = 4.0, 0.001
"""A pass counts for no more than so many times what was expected and so many seconds: it may have been held up."""
_DEVIATIONS = 2.0
"""Mean deviations above the mean that are seldom passed."""


class Pace:
    """Seconds of a pass by its readings: a straight line through the latest passes."""

    __slots__ = ("_covariance", "_mean_readings", "_mean_seconds", "_variance")

    def __init__(self) -> None:
        self._mean_readings = 0.0
        self._mean_seconds = 0.0
        self._variance = 0.0
        self._covariance = 0.0

    @property
    def is_known(self) -> bool:
        """Whether there was a pass."""
        return self._mean_readings > 0

    def learn(self, readings: int, seconds: float) -> None:
        """A pass of `readings`, 1 or more, took `seconds`."""
        if not self.is_known:
            self._mean_readings, self._mean_seconds = float(readings), seconds
            return
        seconds = min(seconds, _MOST_SURPRISE * self.seconds(readings) + _LEAST_SURPRISE)
        more_readings = readings - self._mean_readings
        more_seconds = seconds - self._mean_seconds
        self._mean_readings += _WEIGHT * more_readings
        self._mean_seconds += _WEIGHT * more_seconds
        self._variance = (1 - _WEIGHT) * (self._variance + _WEIGHT * more_readings * more_readings)
        self._covariance = (1 - _WEIGHT) * (self._covariance + _WEIGHT * more_readings * more_seconds)

    def seconds(self, readings: int) -> float:
        """What a pass of `readings` should take; 0 while nothing is known."""
        if not self.is_known:
            return 0.0
        return max(self._mean_seconds + self._each * (readings - self._mean_readings), 0.0)

    def readings_within(self, seconds: float) -> float:
        """The most readings whose pass should take no longer; 0 while nothing is known, and where none are so quick."""
        if not self.is_known:
            return 0.0
        each, left = self._each, seconds - self._mean_seconds
        if each > 0:
            return max(self._mean_readings + left / each, 0.0)
        return math.inf if left >= 0 else 0.0

    @property
    def _each(self) -> float:
        """Seconds that one more reading takes; once there was a pass."""
        if self._variance > 0:
            return max(self._covariance / self._variance, 0.0)
        return self._mean_seconds / self._mean_readings


class Lateness:
    """Seconds that answers are given later than was reckoned."""

    __slots__ = ("_deviation", "_mean")

    _WEIGHT = 0.1
    """Of the latest: about ten count."""

    def __init__(self) -> None:
        self._mean = self._deviation = 0.0

    def learn(self, seconds: float) -> None:
        """An answer was given so much later; negative where it was earlier."""
        self._deviation += self._WEIGHT * (abs(seconds - self._mean) - self._deviation)
        self._mean += self._WEIGHT * (seconds - self._mean)

    @property
    def most(self) -> float:
        """What is seldom exceeded, 0 or more."""
        return max(self._mean + _DEVIATIONS * self._deviation, 0.0)
