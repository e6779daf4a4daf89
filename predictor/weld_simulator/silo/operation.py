"""How a silo is run: filled, kept, and emptied, and what goes wrong with that."""

from __future__ import annotations

from dataclasses import dataclass

from weld_simulator.silo.site import BRIM, Purpose, Silo
from weld_simulator.streams import stream

EMPTY = 0.08
"""Share of the height that is left when it is filled again."""

_STICKING_S, _STICKING = 30 * 86_400.0, 0.04
"""In each window of so many seconds a level gauge hears nothing but a false echo with this probability."""


@dataclass(frozen=True, slots=True)
class Fill:
    """What is in a silo at an instant."""

    surface: float
    """m above the floor."""
    planned: float
    """m above the floor where the surface would be, had all flowed as the plant's belt scales say."""
    rate: float
    """m/s at which that moves; below 0 when it is emptied."""

    @property
    def bridged(self) -> bool:
        """Whether the surface rests on a bridge, while the silo is emptied below it."""
        return self.surface > self.planned


def fill_of(seed: int, silo: Silo, at: float) -> Fill:
    """The fill of a site's silo at a Unix time in s: any instant can be computed by itself."""
    cycle, within = divmod(at / silo.period + silo.phase, 1.0)
    planned, rate = _plan(silo, within)
    draw = stream(seed, Purpose.BRIDGE, silo.number, int(cycle))
    strikes, begins, lasts = draw.uniform() < silo.contents.bridging, draw.uniform(0, 0.8), draw.uniform(0.1, 0.5)
    emptied = (within - _discharge_begins(silo)) / silo.discharging
    if strikes and begins < emptied < min(begins + lasts, 1.0):
        held, _ = _plan(silo, _discharge_begins(silo) + begins * silo.discharging)
        return Fill(held, planned, rate)
    return Fill(planned, planned, rate)


def stuck_at(seed: int, silo: Silo, at: float) -> float | None:
    """Distance in m below the level gauge of the false echo that it hears alone; None while it hears the surface.

    Build-up on the gauge, or a ladder in its beam.
    """
    draw = stream(seed, Purpose.STUCK, silo.number, int(at // _STICKING_S))
    if draw.uniform() >= _STICKING:
        return None
    return float(draw.uniform(0.3, 0.8 * silo.height))


def _discharge_begins(silo: Silo) -> float:
    """It is kept full for half of the time that is left."""
    return silo.filling + (1 - silo.filling - silo.discharging) / 2


def _plan(silo: Silo, within: float) -> tuple[float, float]:
    """Planned surface in m and its speed in m/s, at a share of the period."""
    low, high = EMPTY * silo.height, BRIM * silo.height
    begins = _discharge_begins(silo)
    if within < silo.filling:
        return low + (high - low) * within / silo.filling, (high - low) / (silo.filling * silo.period)
    if within < begins:
        return high, 0.0
    if within < begins + silo.discharging:
        gone = (within - begins) / silo.discharging
        return high - (high - low) * gone, -(high - low) / (silo.discharging * silo.period)
    return low, 0.0
