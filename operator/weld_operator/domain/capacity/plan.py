"""The plan: size, loads, bytes, cost, losses, jitter, sampling, worth and placement of one WeldModel, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from weld_api.quantity import parse_duration, parse_quantity
from weld_operator.domain.capacity.arrivals import TickArrivals
from weld_operator.domain.capacity.assets import Region
from weld_operator.domain.capacity.cost import Consumption, Cost, cost_of
from weld_operator.domain.capacity.jitter import JitterEffects, jitter_effects
from weld_operator.domain.capacity.latency import Latency
from weld_operator.domain.capacity.ledger_size import LedgerSize, ledger_size
from weld_operator.domain.capacity.losses import Loss, after_loss, chance_of_enough, losses, losses_survived
from weld_operator.domain.capacity.one_computer import Limits, Reach, reach
from weld_operator.domain.capacity.passes import latency_of
from weld_operator.domain.capacity.sampling import Policy
from weld_operator.domain.capacity.sizing import NotEnoughError, Size, on_time_with, size_for
from weld_operator.domain.capacity.subject import PlanError, Subject
from weld_operator.domain.capacity.worth import Worth, worth

SECONDS_PER_KILOMETRE = 4.9e-6
"""Of light in fibre, one way: group index 1.468 of the usual cable (ITU-T G.652)."""
_LENGTHS = (50.0, 80.0, 100.0, 120.0, 1_000.0, 10_000.0)
_PRECISIONS = (("in trouble, 75 %", 0.75), ("first model, 95 %", 0.95), ("better model, 99 %", 0.99))


@dataclass(frozen=True)
class Place:
    """One place where replicas run, for the points of some regions."""

    name: str
    countries: tuple[str, ...]
    points: float
    requests_per_tick: int
    readings_per_second: float
    size: Size
    latency: Latency
    """With everything there."""
    cores: float
    """That its replicas keep busy when their passes are full."""
    memory_bytes: float
    memory_bytes_per_replica: float
    bytes_in_per_second: float
    bytes_out_per_second: float
    bytes_abroad_per_second: float
    """Of both, over a border."""
    ledger: LedgerSize
    cost: Cost | None
    """In a year; None without prices."""
    losses: tuple[Loss, ...]
    """With nothing, a machine and a zone lost; empty for a place that is only compared with."""
    losses_survived: int
    chance_of_enough: float
    """That enough replicas are up at any moment, machines failing independently."""


@dataclass(frozen=True)
class RegionLoss:
    """A region is lost, and the others take what they may of it, in proportion to what they have."""

    region: str
    answered_elsewhere: float
    """Share of its readings that others may take."""
    worst: Loss | None
    """In the region that is the busiest then; None: there is no other."""
    on_time: float
    """Of all readings of all regions."""


@dataclass(frozen=True)
class PolicyEffect:
    """A sampling policy, and what it saves."""

    policy: Policy
    replicas: int
    cores: float
    ledger_bytes_a_day: float
    is_chosen: bool


@dataclass(frozen=True)
class Placement:
    """One of the two ways to place everything."""

    name: str
    places: int
    replicas: int
    cores: float
    p99: float
    """Seconds at the gateway that is farthest: the answer's own, and the way there and back."""
    on_time: float
    bytes_abroad_per_second: float
    cost: Cost | None
    blast_radius: float
    """Share of the points that lose their place when the largest place is lost."""
    others_take_over: bool
    """Whether another place may answer them then."""
    readings_leave: tuple[str, ...]
    """Countries that readings leave."""
    refused_by_law: tuple[str, ...]
    """Of these, those that forbid it."""


@dataclass(frozen=True)
class Plan:
    """All of it."""

    name: str
    kilometres: float
    points: float
    readings_per_tick: int
    readings_per_second: float
    scored_share: float
    places: tuple[Place, ...]
    region_losses: tuple[RegionLoss, ...]
    jitter: JitterEffects
    policies: tuple[PolicyEffect, ...]
    worth: tuple[Worth, ...]
    """Empty without prices."""
    policy_worth: tuple[Worth, ...]
    """Of the sampling policies, with the present precision; empty without prices."""
    placements: tuple[Placement, Placement]
    computer: Reach
    warnings: tuple[str, ...]
    currency: str | None

    def total(self, figure: Callable[[Place], float]) -> float:
        return sum(figure(place) for place in self.places)

    @property
    def cost(self) -> Cost | None:
        return _sum_of_costs(self.places)


def plan_for(subject: Subject) -> Plan:
    """Raises PlanError, with one sentence, where there is none."""
    subject.check()
    try:
        return _plan(subject)
    except NotEnoughError as error:
        raise PlanError(str(error)) from error


def _plan(subject: Subject) -> Plan:
    assets, spec = subject.assets, subject.spec
    share = subject.policy.scored_share
    places = tuple(_place(subject, region.name, (region,), region, share) for region in assets.regions)
    worths, policy_worths = _worths(subject)
    return Plan(
        name=subject.name,
        kilometres=assets.kilometres,
        points=assets.points,
        readings_per_tick=spec.workload.readings_per_tick,
        readings_per_second=subject.readings_per_second,
        scored_share=share,
        places=places,
        region_losses=tuple(_region_losses(subject, places)),
        jitter=_jitter(subject),
        policies=tuple(_policy_effect(subject, policy) for policy in subject.policies),
        worth=worths,
        policy_worth=policy_worths,
        placements=_placements(subject, places),
        computer=_computer(subject),
        warnings=tuple(_warnings(subject, places)),
        currency=None if subject.prices is None else subject.prices.currency,
    )


def _place(
    subject: Subject, name: str, served: tuple[Region, ...], at: Region, scored_share: float, way: float = 0.0
) -> Place:
    """For the points of the regions `served`, with the zones and machines of the region that it is `at`."""
    assets, throughput = subject.assets, subject.throughput
    share = sum(assets.share_of(region) for region in served)
    replica, load = subject.replica(scored_share), subject.load(share)
    spread, aims = subject.spread(at), subject.aims
    in_time = replace(load, deadline=load.deadline - way)
    size = size_for(replica, in_time, spread, aims)
    readings = subject.readings_per_second * share
    abroad = sum(assets.share_of(region) for region in served if region.country != at.country)
    bytes_in = readings * throughput.request_bytes_per_reading
    bytes_out = readings * throughput.answer_bytes_per_reading
    ledger = ledger_size(assets.ledger, readings, scored_share, _at_risk(subject), subject.inputs)
    cores = size.replicas * throughput.busy_cores
    per_replica = subject.memory_of_replica(share)
    bytes_abroad = (bytes_in + bytes_out) * abroad / share
    survived = losses_survived(replica, in_time, size.replicas, aims.on_time)
    return Place(
        name=name,
        countries=tuple(dict.fromkeys(region.country for region in served)),
        points=assets.points * share,
        requests_per_tick=load.requests,
        readings_per_second=readings,
        size=size,
        latency=latency_of(replica, load, size.replicas, way),
        cores=cores,
        memory_bytes=size.replicas * per_replica,
        memory_bytes_per_replica=per_replica,
        bytes_in_per_second=bytes_in,
        bytes_out_per_second=bytes_out,
        bytes_abroad_per_second=bytes_abroad,
        ledger=ledger,
        cost=_cost(subject, cores, size.replicas * per_replica, ledger, bytes_in + bytes_out, bytes_abroad),
        losses=() if way else tuple(losses(replica, load, spread, size.replicas)),
        losses_survived=survived,
        chance_of_enough=chance_of_enough(size.replicas, size.replicas - survived, assets.machine_availability),
    )


def _at_risk(subject: Subject) -> float:
    """Share of readings that are called at risk: flaws that are found, and false alarms with them."""
    share = subject.assets.maintenance.flaws_per_thousand_points / 1000 * subject.recall / subject.precision
    return min(share, 1.0)


def _cost(
    subject: Subject, cores: float, memory: float, ledger: LedgerSize, traffic: float, abroad: float
) -> Cost | None:
    if subject.prices is None:
        return None
    return cost_of(Consumption(cores, memory, ledger.in_all_years, traffic, abroad), subject.prices)


def _sum_of_costs(places: Iterable[Place]) -> Cost | None:
    total: Cost | None = None
    for place in places:
        if place.cost is None:
            return None
        total = place.cost if total is None else total + place.cost
    return total


def _region_losses(subject: Subject, places: tuple[Place, ...]) -> Iterable[RegionLoss]:
    """Each region lost in turn."""
    assets = subject.assets
    replica = subject.replica(subject.policy.scored_share)
    for lost in assets.regions:
        share = assets.share_of(lost)
        others = [(region, place) for region, place in zip(assets.regions, places, strict=True) if region != lost]
        takers = [each for each in others if lost.readings_may_leave or each[0].country == lost.country]
        taking = sum(assets.share_of(region) for region, _ in takers)
        on_time, busiest = 0.0, None
        for region, place in others:
            own = assets.share_of(region)
            more = share * own / taking if (region, place) in takers else 0.0
            load, left = subject.load(own + more), place.size.replicas
            on_time += (own + more) * on_time_with(replica, load, left)
            occupancy = replica.occupancy(load.requests_per_second / left)
            if busiest is None or occupancy > busiest[0]:
                busiest = occupancy, region.name, load, left
        worst = None if busiest is None else after_loss(busiest[1], replica, busiest[2], busiest[3])
        yield RegionLoss(lost.name, 1.0 if takers else 0.0, worst, on_time)


def _jitter(subject: Subject) -> JitterEffects:
    load = subject.load(1)
    return jitter_effects(
        jitter=subject.jitter,
        mean_delay=subject.mean_delay,
        tick=subject.tick,
        requests=load.requests,
        window=subject.lateness,
        goal=subject.assets.goals.in_window,
        peak_factor=TickArrivals(load.requests, subject.tick, subject.jitter).peak_factor,
    )


def _policy_effect(subject: Subject, policy: Policy) -> PolicyEffect:
    replicas = 0
    ledger = 0.0
    for region in subject.assets.regions:
        share = subject.assets.share_of(region)
        size = size_for(subject.replica(policy.scored_share), subject.load(share), subject.spread(region), subject.aims)
        replicas += size.replicas
        readings = subject.readings_per_second * share
        ledger += ledger_size(
            subject.assets.ledger, readings, policy.scored_share, _at_risk(subject), subject.inputs
        ).a_day
    busy = subject.throughput.busy_cores * _service_share(subject, policy)
    cores = subject.readings_per_second / subject.throughput.readings_per_second * busy
    return PolicyEffect(policy, replicas, cores, ledger, policy == subject.policy)


def _service_share(subject: Subject, policy: Policy) -> float:
    """Time that full passes take with the policy, over what they take when every reading is scored."""
    return subject.replica(1).most_readings_per_second / subject.replica(policy.scored_share).most_readings_per_second


def _worths(subject: Subject) -> tuple[tuple[Worth, ...], tuple[Worth, ...]]:
    """Of the precisions of the story and of the present one, and of the sampling policies."""
    prices, maintenance = subject.prices, subject.assets.maintenance
    if prices is None:
        return (), ()
    flaws = subject.assets.points * maintenance.flaws_per_thousand_points / 1000
    present = maintenance.present_precision or subject.precision

    def of(name: str, precision: float, recall: float) -> Worth:
        return worth(
            name,
            flaws=flaws,
            precision=precision,
            recall=recall,
            false_dig=prices.false_dig,
            missed_flaw=prices.missed_flaw,
        )

    precisions = (*_PRECISIONS, (f"at present, {present:.1%}", present))
    return (
        tuple(of(name, precision, subject.recall) for name, precision in precisions),
        tuple(of(policy.name, present, policy.recall) for policy in subject.policies),
    )


def _placements(subject: Subject, places: tuple[Place, ...]) -> tuple[Placement, Placement]:
    """One place for everything, at the region that is nearest to the hub, and one for each region."""
    regions = subject.assets.regions
    hub = min(regions, key=lambda region: region.kilometres_to_hub)
    ways = [2 * SECONDS_PER_KILOMETRE * region.kilometres_to_hub for region in regions]
    one = _place(subject, "one place", regions, hub, subject.policy.scored_share, max(ways))
    leaving = tuple(dict.fromkeys(region.country for region in regions if region.country != hub.country))
    forbidden = {region.country for region in regions if not region.readings_may_leave}
    largest = max(regions, key=lambda region: region.share)
    has_others = any(
        region != largest and (largest.readings_may_leave or region.country == largest.country) for region in regions
    )
    consolidated = Placement(
        name=f"one place, in {hub.country}",
        places=1,
        replicas=one.size.replicas,
        cores=one.cores,
        p99=one.latency.p99,
        on_time=one.latency.on_time,
        bytes_abroad_per_second=one.bytes_abroad_per_second,
        cost=one.cost,
        blast_radius=1.0,
        others_take_over=False,
        readings_leave=leaving,
        refused_by_law=tuple(country for country in leaving if country in forbidden),
    )
    distributed = Placement(
        name="one place for each region",
        places=len(places),
        replicas=sum(place.size.replicas for place in places),
        cores=sum(place.cores for place in places),
        p99=max(place.latency.p99 for place in places),
        on_time=sum(place.latency.on_time * place.points for place in places) / subject.assets.points,
        bytes_abroad_per_second=0.0,
        cost=_sum_of_costs(places),
        blast_radius=subject.assets.share_of(largest),
        others_take_over=has_others,
        readings_leave=(),
        refused_by_law=(),
    )
    return consolidated, distributed


def _computer(subject: Subject) -> Reach:
    computer = subject.assets.computer
    memory, rest, reading = subject.computer_bytes
    seconds = parse_duration(computer.seconds_for_readings).total_seconds() / computer.readings
    lengths = tuple(sorted({*_LENGTHS, subject.assets.kilometres}))
    limits = Limits(memory, rest, reading, seconds)
    return reach(limits, subject.tick, subject.deadline, subject.readings_per_kilometre, lengths)


def _warnings(subject: Subject, places: tuple[Place, ...]) -> Iterable[str]:
    """What in the WeldModel does not agree with the plan."""
    scaling = subject.spec.serving.scaling
    for place in places:
        if place.size.replicas > scaling.max_replicas:
            yield (
                f"{place.name} needs {place.size.replicas} replicas, but scaling.maxReplicas is {scaling.max_replicas}"
            )
    limit = subject.spec.model.resources.limits.memory
    largest = max(place.memory_bytes_per_replica for place in places)
    if limit is not None and largest > parse_quantity(limit):
        yield f"a replica takes {largest / 2**20:,.0f} MiB, but resources.limits.memory is {limit}: it would be killed"
    sensors = subject.spec.workload.readings_per_tick
    intake = subject.spec.serving.intake
    most = 1_000_000 if intake is None else intake.most_sensors
    if sensors > most:
        yield f"{sensors:,} sensors send, but intake.mostSensors is {most:,}: replicas forget some between two readings"
    per_point = subject.spec.workload.readings_per_tick / subject.assets.points
    if per_point > 1.01 or per_point < 0.99:
        yield (
            f"{subject.assets.points:,.0f} points are {subject.assets.metres_between_points:g} m apart on "
            f"{subject.assets.kilometres:,g} km, but {sensors:,} readings come in a tick: {per_point:.3g} at each point"
        )
