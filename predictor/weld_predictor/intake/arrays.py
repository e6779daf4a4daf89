"""The memory of sensors in numpy's arrays, for where there is no compiler.

Readings of one sensor in one pass are taken one after the other, in rounds: each round takes one reading of every
sensor that has one left, and is done in columns.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weld_predictor.decision import UNKNOWN_RISK
from weld_predictor.intake.flags import Flag, has
from weld_predictor.intake.memory import SHARE_TO_FORGET, Recollection, of_nobody
from weld_predictor.intake.names import SensorKeys
from weld_predictor.intake.policy import TIMES_OF_A_SENSOR, Policy, Sampling
from weld_predictor.intake.readings import Readings
from weld_predictor.intake.table import SensorTable

_MILLISECOND = timedelta(milliseconds=1)
_NOT_KNOWN = np.iinfo(np.uint16).max
"""Instead of flags, where there is no answer."""
_NO_REFERENCE = np.iinfo(np.uint16).max
"""Instead of the answers carried from it."""
_REFERENCE = np.uint8(1 << 6)
"""Among the bits of `pending`; the others are of the times."""
_NOTHING = np.iinfo(np.int64).min
_MADE_OF = np.dtype(
    [
        ("newest", "i8"),
        ("reference_at", "i8"),
        ("times", "i8", TIMES_OF_A_SENSOR),
        ("risks", "f4", TIMES_OF_A_SENSOR),
        ("flags", "u2", TIMES_OF_A_SENSOR),
        ("reference_risk", "f4"),
        ("heard", "u4"),
        ("since", "u2"),
        ("next", "u1"),
        ("pending", "u1"),
    ]
)
"""One sensor. While a pass is pending, a risk that is not yet known is the number of the reading that will have it."""


@dataclass(slots=True)
class _Pass:
    """The readings recalled last, and how their sensors were before."""

    number: NDArray[np.int64]
    """[N], of the sensor in the arrays; -1 for none."""
    source: NDArray[np.int32]
    """[N], the reading whose risk each has; -1 where it is known."""
    risk: NDArray[np.float32]
    """[N], where it is known."""
    sensors: NDArray[np.int64]
    """Those that were remembered."""
    saved: NDArray[Any]
    references: NDArray[np.float32]
    wrote: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]
    """By round: readings, their sensors, and the place of each."""
    refers: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
    """By round: readings that became the reference of their sensors."""
    repeated: int = 0
    disordered: int = 0
    carried: int = 0


class ArrayMemory:
    """As `SensorMemory`. Its arrays are asked for whole at the start, and the system fills them in as sensors come."""

    name = "numpy"

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._columns = [column for column, _ in policy.dead_bands]
        self._widths = np.array([width for _, width in policy.dead_bands], np.float64)
        self._silence = np.uint64(policy.longest_silence // _MILLISECOND)
        self._repeat_for = policy.repeat_for // _MILLISECOND
        self._late = np.uint32(Flag.LATE | Flag.NOT_SCORED if policy.reject_late else Flag.LATE)
        self._keys = SensorKeys()
        self._table = SensorTable(policy.most_sensors, secrets.randbits(64))
        self._sensors = np.zeros(policy.most_sensors, _MADE_OF)
        self._references = np.zeros((policy.most_sensors, len(self._columns)), np.float32)
        self._forgotten = 0
        self._wanting = 0
        self._pass: _Pass | None = None

    def recall(self, readings: Readings, flags: NDArray[np.uint32], now: float) -> Recollection:
        self.forget()
        heard = int(now * 1000) & 0xFFFFFFFF
        self._make_room(heard)
        nobody = of_nobody(readings)
        number, turn = self._number(readings, flags, nobody)
        self._pass = state = self._begin(number)
        without = number < 0
        unremembered = without & ~nobody & ~has(flags, Flag.NOT_SCORED)
        alone = np.flatnonzero(without & ~has(flags, Flag.NOT_SCORED))
        state.source[alone] = alone
        self._wanting = int(np.count_nonzero(unremembered))
        for of_round in _rounds(number, turn):
            self._take(of_round, readings, flags, heard)
        rows = np.flatnonzero(state.source == np.arange(len(readings))).astype(np.intc)
        return Recollection(rows, state.repeated, state.disordered, state.carried, self._wanting)

    def keep(self, risk: NDArray[np.float32]) -> None:
        state = self._pass
        if state is None:
            return
        risk[:] = np.where(state.source >= 0, risk[state.source], state.risk)
        for readings, sensors, places in state.wrote:
            self._sensors["risks"][sensors, places] = risk[readings]
            self._sensors["pending"][sensors] = 0
        for readings, sensors in state.refers:
            self._sensors["reference_risk"][sensors] = risk[readings]
        self._table.settle()
        self._pass = None

    def forget(self) -> None:
        state = self._pass
        if state is None:
            return
        self._sensors[state.sensors] = state.saved
        self._references[state.sensors] = state.references
        self._table.take_back()
        self._wanting = 0
        self._pass = None

    @property
    def sensors(self) -> int:
        return self._table.count

    @property
    def forgotten(self) -> int:
        return self._forgotten

    def bytes_at(self, sensors: int) -> int:
        of_a_sensor = self._sensors.itemsize + self._references.itemsize * len(self._columns)
        return self._table.bytes_at(sensors) + sensors * of_a_sensor

    def _make_room(self, heard: int) -> None:
        """Sensors that found no room in the last pass will find some in this."""
        live = self._table.count
        wanting, self._wanting = self._wanting, 0
        if not wanting or not live:
            return
        count = min(max(self._policy.most_sensors // SHARE_TO_FORGET + 1, wanting), live)
        ages = np.uint32(heard) - self._sensors["heard"][:live]
        stays = ages < np.partition(ages, live - count)[live - count]
        kept = int(np.count_nonzero(stays))
        self._sensors[:kept] = self._sensors[:live][stays]
        self._references[:kept] = self._references[:live][stays]
        self._table.keep(stays)
        self._forgotten += live - kept

    def _number(
        self, readings: Readings, flags: NDArray[np.uint32], nobody: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The sensor of each reading, -1 for none, and how many readings of the same sensor come before it."""
        keys = self._keys.of(np.ascontiguousarray(readings.sensor_id))
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        ordered = keys[order]
        starts = np.flatnonzero(np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1)))
        sizes = np.diff(np.append(starts, len(keys)))
        group, turn = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
        group[order] = np.repeat(np.arange(len(starts)), sizes)
        turn[order] = np.arange(len(keys)) - np.repeat(starts, sizes)
        numbers = self._table.find(ordered[starts])
        # New ones are let in as their first readings come that can be scored.
        scorable = np.flatnonzero(~has(flags, Flag.NOT_SCORED) & ~nobody)
        groups, firsts = np.unique(group[scorable], return_index=True)
        is_new = numbers[groups] < 0
        new = groups[is_new][np.argsort(firsts[is_new])]
        admitted = self._table.admit(ordered[starts[new]])
        numbers[new[: len(admitted)]] = admitted
        blank = np.zeros(1, _MADE_OF)
        blank["newest"], blank["flags"], blank["since"] = _NOTHING, _NOT_KNOWN, _NO_REFERENCE
        self._sensors[admitted] = blank
        return np.where(nobody, -1, numbers[group]), turn

    def _begin(self, number: NDArray[np.int64]) -> _Pass:
        sensors = np.unique(number[(number >= 0) & (number < self._table.settled)])
        return _Pass(
            number=number,
            source=np.full(len(number), -1, np.int32),
            risk=np.full(len(number), UNKNOWN_RISK, np.float32),
            sensors=sensors,
            saved=self._sensors[sensors],
            references=self._references[sensors],
            wrote=[],
            refers=[],
        )

    def _take(self, which: NDArray[np.int64], readings: Readings, flags: NDArray[np.uint32], heard: int) -> None:
        """Readings `which` [M], no two of one sensor, all of sensors that are remembered; the rules are `memory`'s."""
        state = self._pass
        assert state is not None
        numbers = state.number[which]
        sensors = self._sensors[numbers]
        times, own = readings.sampled_at[which], flags[which]
        place = self._place(sensors, times)
        older = times < sensors["newest"]
        fresh = np.uint32(heard) - sensors["heard"] <= self._repeat_for
        repeated = (place >= 0) & fresh
        disordered = older & ~repeated & ~has(own, Flag.NOT_SCORED)
        own[disordered] |= self._late
        unscored = ~repeated & has(own, Flag.NOT_SCORED)
        answered = ~repeated & ~unscored
        sound = answered & ~older & ~has(own, ~Flag.LATE)
        carried = sound & self._is_carried(sensors, numbers, times, readings.features[which])
        own[carried] |= np.uint32(Flag.CARRIED)
        self._repeat(which, sensors, place, repeated, own)
        self._carry(which, sensors, carried)
        scored = answered & ~carried
        state.source[which[scored]] = which[scored]
        sensors["heard"][answered] = heard
        self._write_down(which, sensors, place, answered, times, own)
        moves = answered & ~older & ~has(own, Flag.AHEAD)
        sensors["newest"][moves] = times[moves]
        sensors["since"][(unscored | scored) & ~older] = _NO_REFERENCE
        if self._policy.sampling is not Sampling.ALL:
            self._refer(which, sensors, scored & sound, times, readings.features)
        self._sensors[numbers] = sensors
        flags[which] = own
        state.repeated += int(np.count_nonzero(repeated))
        state.disordered += int(np.count_nonzero(disordered))
        state.carried += int(np.count_nonzero(carried))

    def _place(self, sensors: NDArray[Any], times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the answer for each time is, -1 where there is none."""
        matches = (sensors["times"] == times[:, np.newaxis]) & (sensors["flags"] != _NOT_KNOWN)
        return np.where(matches.any(axis=1), matches.argmax(axis=1), -1)

    def _is_carried(
        self, sensors: NDArray[Any], numbers: NDArray[np.int64], times: NDArray[np.int64], features: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Of readings that are sound."""
        policy = self._policy
        if policy.sampling is Sampling.ALL:
            return np.zeros(len(times), np.bool_)
        silence = times.view(np.uint64) - sensors["reference_at"].astype(np.uint64)
        may: NDArray[np.bool_] = (
            (sensors["since"] != _NO_REFERENCE) & (times > sensors["newest"]) & (silence < self._silence)
        )
        if policy.sampling is Sampling.EVERY_NTH:
            may &= sensors["since"].astype(np.int64) + 1 < policy.every
            return may
        with np.errstate(invalid="ignore"):
            moved = np.abs(features[:, self._columns].astype(np.float64) - self._references[numbers])
        may &= (moved <= self._widths).all(axis=1)
        return may

    def _repeat(
        self,
        which: NDArray[np.int64],
        sensors: NDArray[Any],
        place: NDArray[np.int64],
        repeated: NDArray[np.bool_],
        own: NDArray[np.uint32],
    ) -> None:
        rows = np.flatnonzero(repeated)
        places = place[rows]
        own[rows] = sensors["flags"][rows, places]
        self._take_over(which[rows], sensors["risks"][rows, places], sensors["pending"][rows] >> places & 1 != 0)

    def _carry(self, which: NDArray[np.int64], sensors: NDArray[Any], carried: NDArray[np.bool_]) -> None:
        pending = sensors["pending"][carried] & _REFERENCE != 0
        self._take_over(which[carried], sensors["reference_risk"][carried], pending)
        sensors["since"][carried] += self._policy.sampling is Sampling.EVERY_NTH

    def _take_over(self, which: NDArray[np.int64], risk: NDArray[np.float32], is_pending: NDArray[np.bool_]) -> None:
        assert self._pass is not None
        self._pass.source[which] = np.where(is_pending, risk.view(np.int32), -1)
        self._pass.risk[which] = np.where(is_pending, np.float32(UNKNOWN_RISK), risk)

    def _write_down(
        self,
        which: NDArray[np.int64],
        sensors: NDArray[Any],
        place: NDArray[np.int64],
        answered: NDArray[np.bool_],
        times: NDArray[np.int64],
        own: NDArray[np.uint32],
    ) -> None:
        state = self._pass
        assert state is not None
        rows = np.flatnonzero(answered)
        afresh = place[rows] < 0
        following = sensors["next"][rows].astype(np.int64)
        places = np.where(afresh, following, place[rows])
        sensors["next"][rows] = np.where(afresh, (following + 1) % TIMES_OF_A_SENSOR, following)
        sensors["times"][rows, places] = times[rows]
        sensors["flags"][rows, places] = own[rows]
        source = state.source[which[rows]]
        sensors["risks"][rows, places] = np.where(source >= 0, source.view(np.float32), state.risk[which[rows]])
        bits = (1 << places).astype(np.uint8)
        pending = sensors["pending"][rows]
        sensors["pending"][rows] = np.where(source >= 0, pending | bits, pending & ~bits)
        state.wrote.append((which[rows], state.number[which[rows]], places))

    def _refer(
        self,
        which: NDArray[np.int64],
        sensors: NDArray[Any],
        scored: NDArray[np.bool_],
        times: NDArray[np.int64],
        features: NDArray[np.float32],
    ) -> None:
        """Those `scored` become the references of their sensors."""
        state = self._pass
        assert state is not None
        readings = which[scored]
        numbers = state.number[readings]
        sensors["reference_at"][scored] = times[scored]
        sensors["reference_risk"][scored] = readings.astype(np.int32).view(np.float32)
        sensors["pending"][scored] |= _REFERENCE
        sensors["since"][scored] = 0
        self._references[numbers] = features[readings][:, self._columns]
        state.refers.append((readings, numbers))


def _rounds(number: NDArray[np.int64], turn: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Readings of remembered sensors by their turns, each turn in the order in which they came."""
    known = np.flatnonzero(number >= 0)
    if not len(known):
        return []
    turns = turn[known]
    ordered = known[np.argsort(turns, kind="stable")]
    return np.split(ordered, np.cumsum(np.bincount(turns))[:-1])
