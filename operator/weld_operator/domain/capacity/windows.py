"""What comes while a pass is under way, and when it is answered: each case once, for the chain that meets it often.

Requests are counted in units of some requests, so that there are not too many counts to tell apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

from weld_operator.domain.capacity.arrivals import TickArrivals
from weld_operator.domain.capacity.counts import Counts, counts, none_come
from weld_operator.domain.capacity.service import Replica

_AGES = 5
"""Into how many the requests that came in a while are told apart by their age."""
_BINS_IN_PHASE = 4
_MOMENTS_IN_JITTER = 40
"""That are told apart in what comes from them on: the density of arrivals changes over the jitter, not faster."""

Lengths = Callable[[int], Sequence[tuple[int, float, float]]]
"""Of a pass that starts with so many units waiting: phases, seconds, and their probability."""
Ages = Sequence[tuple[float, float]]
"""Seconds that requests have waited when their pass starts, and the share of such."""


@dataclass(frozen=True)
class Group:
    """Requests in passes that start alike: by units that wait, how many of the requests are in such a pass."""

    ages: Ages
    requests: Sequence[tuple[int, float]]


@dataclass(frozen=True, eq=False)
class Answered:
    """What a pass starts with, and when it is answered."""

    chance: float
    """That there is anything."""
    waiting: Sequence[tuple[int, float]]
    """Units with their probabilities, given that there is anything."""
    refused: float
    """Requests that found the queue full, on average."""
    groups: Sequence[Group]
    width: float
    lengths: Lengths = field(repr=False)

    @cached_property
    def answers(self) -> Sequence[tuple[float, float]]:
        """Seconds from a request's arrival to its answer, and the requests that take so long, on average."""
        found: defaultdict[int, float] = defaultdict(float)
        for group in self.groups:
            taken: defaultdict[int, float] = defaultdict(float)
            for units, requests in group.requests:
                for _, seconds, share in self.lengths(units):
                    taken[round(seconds / self.width)] += requests * share
            for age, part in group.ages:
                waited = round(age / self.width)
                for place, requests in taken.items():
                    found[waited + place] += requests * part
        return [(place * self.width, requests) for place, requests in found.items()]


@dataclass(frozen=True)
class Window:
    """What comes during a pass that left nothing waiting."""

    nothing: float
    """The probability that nothing comes."""
    gathered: Answered
    """If the first came so early that it has waited its delay out."""
    lonely: Sequence[tuple[int, float]]
    """Phases after the pass's beginning in which the first comes otherwise, with their probabilities."""


class Windows:
    """Of one replica, which gets a share of the arrivals."""

    def __init__(self, replica: Replica, arrivals: TickArrivals, share: float, *, phases: int, unit: int) -> None:
        """`phases` in a tick; `unit`: requests that are counted as one."""
        self._replica = replica
        self._arrivals = arrivals
        self.come_at_once = not arrivals.jitter
        """Whether all of a tick come in one instant."""
        self._share = share
        self._phases = phases
        self._phase = arrivals.tick / phases
        self._unit = unit
        self.most = max(replica.requests_in_pass // unit, 1)
        """Units in a pass."""
        self.quick = replica.requests_in_quick_pass // unit
        """Units in a pass after which nothing waits for company."""
        self._room = max(replica.requests_in_queue // unit, 1)
        self._moment = max(int(arrivals.jitter / self._phase / _MOMENTS_IN_JITTER), 1)
        """Phases in one."""
        self._delay_phases = max(round(replica.max_delay / self._phase), 1) if replica.max_delay else 0
        self._cumulative = [0.0]
        for each in arrivals.shares(phases):
            self._cumulative.append(self._cumulative[-1] + each)
        self.pass_lengths = cache(self._pass_lengths)
        self._ages_of = cache(self._ages_during)
        self._counts_of = cache(self._counts_during)
        self._after_of = cache(self._after)
        self._after_full_of = cache(self._after_full)
        self._company_of = cache(self._company)
        self._woken_of = cache(self._woken)

    def stalls(self) -> Sequence[tuple[int, float]]:
        """Phases for which a stall lasts, with the probability that one begins in a phase."""
        found: defaultdict[int, float] = defaultdict(float)
        stalls = self._replica.service.stalls
        begins = stalls.chance_within(self._phase)
        for seconds, share in stalls.classes if begins else ():
            whole, beyond = divmod(seconds / self._phase, 1)
            found[int(whole)] += begins * share * (1 - beyond)
            found[int(whole) + 1] += begins * share * beyond
        return [(phases, chance) for phases, chance in found.items() if phases and chance]

    def after(self, began: int, end: int, quick: bool) -> Window:
        """During a pass from phase `began` to `end`, after a quick one of which nothing waits for company."""
        return self._after_of(self._moment_of(began), end - began, 0 if quick else self._delay_phases)

    def company(self, first: int) -> tuple[int, Answered]:
        """The phase in which the next pass starts if the oldest came in phase `first`, and what is in it."""
        return first + self._delay_phases, self._company_of(self._moment_of(first))

    def woken(self, now: int) -> Answered:
        """What comes in phase `now` while nothing is under way."""
        return self._woken_of(now % self._phases)

    def _pass_lengths(self, units: int) -> Sequence[tuple[int, float, float]]:
        """Phases, seconds and probability, of a pass with so many units."""
        requests = units * self._unit
        durations = self._replica.service.durations(requests, requests * self._replica.request_readings)
        together: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
        for seconds, share in durations:
            together[int(seconds / self._phase)].append((seconds, share))
        found = []
        for phases, each in together.items():
            share = sum(part for _, part in each)
            mean = sum(seconds * part for seconds, part in each) / share
            # Between two phases, so that it ends in the middle of them on average.
            beyond = mean / self._phase - phases if phases else 1.0
            found += [(phases, mean, share * (1 - beyond)), (phases + 1, mean, share * beyond)]
        return [each for each in found if each[2] > 0]

    def _woken(self, now: int) -> Answered:
        """With no jitter all of a tick at once, otherwise one request."""
        chance = 1 - self._none_between(now, now + 1)
        if self._arrivals.jitter:
            return self._answered(chance, [(1, 1.0)], Group([(0.0, 1.0)], [(1, 1.0)]))
        found = [each for each in self._counts_between(now, now + 1) if each[0]]
        return self._in_turn(chance, 0, found, [(0.0, 1.0)])

    def _after(self, began: int, length: int, delay: int) -> Window:
        end = began + length
        enough = max(end - delay, began)
        none_early = self._none_between(began, enough)
        late = dict(self._counts_between(enough, end)) if none_early < 1 else {}
        found = [
            (count, max(share - none_early * late.get(count, 0.0), 0.0))
            for count, share in self._counts_between(began, end)
            if count
        ]
        none = [self._none_between(began, phase) for phase in range(enough, end + 1)]
        return Window(
            nothing=none[-1],
            gathered=self._in_turn(1 - none_early, 0, found, self._ages(began, end)),
            lonely=[(enough - began + place, none[place] - none[place + 1]) for place in range(len(none) - 1)],
        )

    def _company(self, first: int) -> Answered:
        """The oldest has waited its delay; the others came since, both from and to the middle of a phase."""
        end = first + 1 + self._delay_phases
        waiting = [(min(1 + each, self._room), share) for each, share in self._counts_between(first + 1, end)]
        return self._answered(
            1.0,
            waiting,
            Group([(self._replica.max_delay, 1.0)], waiting),
            Group(self._ages(first + 1, end), [(units, share * (units - 1) * self._unit) for units, share in waiting]),
        )

    def after_full(self, began: int, end: int, left: int) -> Answered:
        """A pass had as much as it may and `left` some: the next has these, and those that came, as far as it may."""
        return self._after_full_of(self._moment_of(began), end - began, left)

    def _after_full(self, began: int, length: int, left: int) -> Answered:
        found = self._counts_between(began, began + length)
        return self._in_turn(1.0, left, found, self._ages(began, began + length))

    def _in_turn(self, chance: float, left: int, found: Counts, ages: Ages) -> Answered:
        """Of counts that are put in proportion; `left` units come before them, and passes take what they may."""
        total = sum(share for _, share in found) or 1.0
        a_pass = self._replica.service.seconds(
            self.most * self._unit, self.most * self._unit * self._replica.request_readings
        )
        longest = ages[0][0] + ages[-1][0] if ages else 0.0
        waiting: list[tuple[int, float]] = []
        in_one: list[tuple[int, float]] = []
        groups: list[Group] = []
        refused = 0.0
        for count, each in found:
            share, units = each / total, min(left + count, self._room)
            waiting.append((units, share))
            refused += share * (left + count - units) * self._unit
            if units <= self.most:
                in_one.append((units, share * (units - left) * self._unit))
                continue
            for turn in range(left // self.most, -(-units // self.most)):
                start, stop = max(turn * self.most, left), min((turn + 1) * self.most, units)
                # Who came first has waited longest, and is in the first pass.
                age = longest * (1 - ((start + stop) / 2 - left) / max(count, 1))
                groups.append(Group([(age + turn * a_pass, 1.0)], [(self.most, share * (stop - start) * self._unit)]))
        return self._answered(chance, waiting, Group(ages, in_one), *groups, refused=refused)

    def _answered(
        self, chance: float, waiting: Sequence[tuple[int, float]], *groups: Group, refused: float = 0.0
    ) -> Answered:
        return Answered(chance, waiting, refused, groups, self._phase / _BINS_IN_PHASE, self._lengths)

    def _moment_of(self, phase: int) -> int:
        """The phase in the middle of the moment of its tick that it is in."""
        return phase % self._phases // self._moment * self._moment + self._moment // 2

    def _lengths(self, waiting: int) -> Sequence[tuple[int, float, float]]:
        return self.pass_lengths(min(waiting, self.most))

    def _ages(self, first: int, end: int) -> Ages:
        """How long ago at `end` a request came that came since `first`: seconds, and the share of such."""
        return self._ages_of(first % self._phases, end - first)

    def _ages_during(self, first: int, length: int) -> Ages:
        end = first + length
        whole = self._between(first, end)
        step = -(-max(end - first, 1) // _AGES)
        found = []
        for start in range(first, end, step):
            stop = min(start + step, end)
            if (share := self._between(start, stop)) > 0:
                found.append(((end - (start + stop) / 2) * self._phase, share / whole))
        return found

    def _between(self, first: int, end: int) -> float:
        """Share of a tick's requests that come in phases `first` to `end`; above 1 where those are more than a tick."""
        (ticks, last), (ticks_before, start) = divmod(end, self._phases), divmod(first, self._phases)
        return ticks - ticks_before + self._cumulative[last] - self._cumulative[start]

    def _none_between(self, first: int, end: int) -> float:
        if end <= first:
            return 1.0
        return none_come(self._arrivals.requests, min(self._between(first, end), 1.0) * self._share)

    def _counts_between(self, first: int, end: int) -> Counts:
        return self._counts_of(first % self._phases, max(end - first, 0))

    def _counts_during(self, first: int, length: int) -> Counts:
        if not length:
            return [(0, 1.0)]
        # Over half a tick a replica's arrivals vary as if each came with half its probability more surely.
        evenness = self._share / 2 if self._arrivals.jitter else 0.0
        expected = max(self._between(first, first + length), 0.0) * self._share
        return counts(self._arrivals.requests, expected, self._unit, evenness)
