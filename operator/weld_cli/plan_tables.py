"""A plan as tables on a terminal, each with the sentence that says what to make of it."""

from __future__ import annotations

from collections.abc import Iterator

from weld_cli.plan_words import milliseconds, money, share, size, table
from weld_operator.domain.capacity.cost import Cost
from weld_operator.domain.capacity.losses import Loss
from weld_operator.domain.capacity.plan import Placement, Plan
from weld_operator.domain.capacity.subject import Subject

_GIB = 2**30


def plan_in_tables(plan: Plan, subject: Subject) -> Iterator[str]:
    """Line by line."""
    yield from _head(plan, subject)
    for section in (
        _needs(plan),
        _bytes(plan, subject),
        _costs(plan),
        _losses(plan, subject),
        _jitter(plan, subject),
        _policies(plan, subject),
        _worth(plan),
        _placements(plan),
        _computer(plan, subject),
        _warnings(plan),
        _assumptions(subject),
    ):
        yield from section


def _head(plan: Plan, subject: Subject) -> Iterator[str]:
    found = subject.throughput
    yield (
        f"{plan.name}: {plan.kilometres:,g} km, {plan.points:,.0f} inspection points, {plan.readings_per_tick:,} "
        f"readings each {subject.spec.workload.tick} ({plan.readings_per_second:,.0f} readings/s), due within "
        f"{subject.spec.workload.deadline}"
    )
    yield (
        f"One replica: {found.readings_per_second:,.0f} readings/s on {found.busy_cores:.2g} cores "
        f"({found.readings_per_second_per_core:,.0f} a core; {found.scorer} scorer, {found.machine}, "
        f"{found.measured_at:%d %B %Y}), {size(found.memory_bytes)} of memory; a pass takes "
        f"{milliseconds(found.seconds_per_pass)}, {found.seconds_per_request * 1e6:.3g} us for each request and "
        f"{found.seconds_per_reading * 1e6:.3g} us for each reading"
    )


def _needs(plan: Plan) -> Iterator[str]:
    yield "\nWHAT IT NEEDS"
    rows: list[tuple[str, ...]] = []
    for place in plan.places:
        size_found = place.size
        rows.append(
            (
                place.name,
                f"{place.readings_per_second:,.0f}",
                f"{size_found.replicas}",
                f"{place.cores:.1f}",
                f"{place.memory_bytes / _GIB:,.1f} GiB",
                share(size_found.occupancy),
                milliseconds(place.latency.mean),
                milliseconds(place.latency.p99),
                share(place.latency.on_time),
                size_found.reason,
            )
        )
    if len(plan.places) > 1:
        rows.append(
            (
                "in total",
                f"{plan.readings_per_second:,.0f}",
                f"{plan.total(lambda place: place.size.replicas):.0f}",
                f"{plan.total(lambda place: place.cores):.1f}",
                f"{plan.total(lambda place: place.memory_bytes) / _GIB:,.1f} GiB",
                *[""] * 5,
            )
        )
    head = (
        "region",
        "readings/s",
        "replicas",
        "cores",
        "memory",
        "busy",
        "mean",
        "p99",
        "on time",
        "so many because of",
    )
    yield from table(head, rows)


def _bytes(plan: Plan, subject: Subject) -> Iterator[str]:
    ledger = subject.assets.ledger
    yield "\nNETWORK AND LEDGER"
    rows = [
        (
            place.name,
            f"{size(place.bytes_in_per_second)}/s",
            f"{size(place.bytes_out_per_second)}/s",
            f"{place.ledger.per_reading:.3g} B",
            size(place.ledger.a_day),
            size(place.ledger.in_all_years),
        )
        for place in plan.places
    ]
    if len(plan.places) > 1:
        rows.append(
            (
                "in total",
                f"{size(plan.total(lambda place: place.bytes_in_per_second))}/s",
                f"{size(plan.total(lambda place: place.bytes_out_per_second))}/s",
                "",
                size(plan.total(lambda place: place.ledger.a_day)),
                size(plan.total(lambda place: place.ledger.in_all_years)),
            )
        )
    yield from table(("region", "readings in", "answers out", "ledger/reading", "a day", f"{ledger.years} years"), rows)
    times = "once" if ledger.copies == 1 else f"{ledger.copies} times"
    hint = "" if ledger.policy == "decisions" else " --what-if ledger=decisions keeps no inputs."
    yield f"  The ledger keeps {ledger.policy}, {times}, compressed {ledger.compression:g} to 1.{hint}"


def _costs(plan: Plan) -> Iterator[str]:
    if plan.currency is None:
        yield "\nCOST\n  --prices FILE says what it costs, and what precision and recall are worth."
        return
    currency = plan.currency
    yield f"\nCOST IN A YEAR, {currency}"
    priced = [(place.name, place.cost) for place in plan.places if place.cost is not None]
    if len(priced) > 1 and plan.cost is not None:
        priced.append(("in total", plan.cost))
    rows = [(name, *_parts_of(cost)) for name, cost in priced]
    yield from table(("region", "cores", "memory", "ledger", "network", "the place", "total"), rows)
    yield "  The ledger's is the average over the years in which it fills."


def _parts_of(cost: Cost) -> tuple[str, ...]:
    parts = (cost.cores, cost.memory, cost.ledger, cost.transfer, cost.places, cost.total)
    return tuple(f"{part:,.0f}" for part in parts)


def _losses(plan: Plan, subject: Subject) -> Iterator[str]:
    yield "\nWHAT A LOSS DOES, until it is made good"
    rows = [(place.name, _loss_name(loss.what), *_loss_cells(loss)) for place in plan.places for loss in place.losses]
    rows += [
        (f"{region.worst.what} (worst)", f"region {region.region} lost", *_loss_cells(region.worst))
        for region in plan.region_losses
        if region.worst is not None
    ]
    yield from table(("region", "what", "replicas left", "busy", "mean", "p99", "on time"), rows)
    for region in plan.region_losses:
        yield f"  {_sentence_of_region(region.region, region.answered_elsewhere, region.on_time)}"
    for place in plan.places:
        yield (
            f"  {place.name} stays {share(subject.assets.goals.on_time)} on time with {place.losses_survived} "
            f"replica(s) missing; that many or fewer are missing {share(place.chance_of_enough)} of the time "
            f"(machines up {share(subject.assets.machine_availability)} of it, failing independently)."
        )


def _loss_name(what: str) -> str:
    return "everything there" if what == "nothing" else f"a {what} lost"


def _loss_cells(loss: Loss) -> tuple[str, ...]:
    if loss.latency is None:
        return "0", "", "no answer", "no answer", "0 %"
    latency = loss.latency
    return (
        f"{loss.replicas_left}",
        share(loss.occupancy),
        milliseconds(latency.mean),
        milliseconds(latency.p99),
        share(latency.on_time),
    )


def _sentence_of_region(region: str, answered_elsewhere: float, on_time: float) -> str:
    if answered_elsewhere:
        return f"{region} lost: the others answer its readings; {share(on_time)} of all readings are on time."
    return f"{region} lost: nobody may answer its readings; {share(on_time)} of all readings are on time."


def _jitter(plan: Plan, subject: Subject) -> Iterator[str]:
    found, goal = plan.jitter, share(subject.assets.goals.in_window)
    yield f"\nWHAT A JITTER OF {milliseconds(found.jitter)} DOES"
    late = found.share_in_window
    rows = [
        (f"a reading is here with {goal} certainty", f"{milliseconds(found.window_for_each)} after its sampling"),
        (f"all requests of a tick are here with {goal} certainty", milliseconds(found.window_for_all)),
        ("the last request of a tick comes, on average, after", milliseconds(found.expected_last)),
        (f"in the window that is set, {milliseconds(found.window)}", share(late)),
        ("overtaken by the next reading of its sensor", share(found.disordered)),
        ("busiest moment of a tick, over the average rate", f"{found.peak_factor:.3g}"),
    ]
    yield from table(("", "value"), rows)
    yield ("  Each reading has its own deadline; only what needs a whole tick waits for its last request.")


def _policies(plan: Plan, subject: Subject) -> Iterator[str]:
    yield "\nWHAT A SAMPLE SAVES, AND WHAT IT COSTS"
    rows = [
        (
            f"{effect.policy.name}{' (chosen)' if effect.is_chosen else ''}",
            share(effect.policy.scored_share),
            f"{effect.replicas}",
            f"{effect.cores:.2f}",
            size(effect.ledger_bytes_a_day),
            milliseconds(effect.policy.mean_delay),
            milliseconds(effect.policy.worst_delay),
            share(effect.policy.recall),
        )
        for effect in plan.policies
    ]
    head = ("policy", "scored", "replicas", "cores busy", "ledger a day", "mean delay", "worst delay", "recall")
    yield from table(head, rows)
    maintenance = subject.assets.maintenance
    yield (
        f"  Delays are from when a flaw shows to its first scored reading. Recall is of flaws that show for "
        f"{maintenance.flaw_shows_for}; one that stays is found by all of them, later. Readings still travel: only "
        "scoring is saved."
    )


def _worth(plan: Plan) -> Iterator[str]:
    if plan.currency is None:
        return
    currency = plan.currency
    yield f"\nWHAT IT IS WORTH IN A YEAR, {currency}"
    rows = [
        (
            found.name,
            share(found.precision),
            share(found.recall),
            f"{found.found:,.1f} of {found.flaws:,.1f}",
            f"{found.false_digs:,.1f}",
            f"{found.cost_of_false_digs:,.0f}",
            f"{found.missed:,.1f}",
            f"{found.cost_of_missed_flaws:,.0f}",
            f"{found.total:,.0f}",
        )
        for found in (*plan.worth, *plan.policy_worth)
    ]
    head = ("", "precision", "recall", "flaws found", "false digs", "they cost", "missed", "they cost", "total")
    yield from table(head, rows)
    if plan.cost is not None:
        yield f"  To serve it costs {money(plan.cost.total, currency)} a year."


def _placements(plan: Plan) -> Iterator[str]:
    yield "\nONE PLACE, OR ONE FOR EACH REGION"
    one, many = plan.placements
    rows = [
        ("places", f"{one.places}", f"{many.places}"),
        ("replicas", f"{one.replicas}", f"{many.replicas}"),
        ("cores", f"{one.cores:.1f}", f"{many.cores:.1f}"),
        ("answer back at the farthest gateway, p99", milliseconds(one.p99), milliseconds(many.p99)),
        ("on time", share(one.on_time), share(many.on_time)),
        ("over borders", f"{size(one.bytes_abroad_per_second)}/s", f"{size(many.bytes_abroad_per_second)}/s"),
    ]
    if one.cost is not None and many.cost is not None and plan.currency is not None:
        rows.append(("cost in a year", money(one.cost.total, plan.currency), money(many.cost.total, plan.currency)))
    rows += [
        ("points that a lost place takes with it", share(one.blast_radius), share(many.blast_radius)),
        ("others take over", _yes(one.others_take_over), _yes(many.others_take_over)),
        ("countries that readings leave", _names(one.readings_leave), _names(many.readings_leave)),
        ("of these, against the law", _names(one.refused_by_law), _names(many.refused_by_law)),
    ]
    yield from table(("", one.name, many.name), rows)
    yield f"  {_advice(one, many)}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names) if names else "none"


def _advice(one: Placement, many: Placement) -> str:
    if one.places == many.places:
        return "There is one region, so there is nothing to choose."
    if one.refused_by_law:
        return f"One place is not allowed: readings would leave {_names(one.refused_by_law)}."
    if one.on_time < many.on_time - 0.001:
        return "One place answers too few readings in time, because of the way there and back."
    cheaper = ""
    if one.cost is not None and many.cost is not None:
        saved = many.cost.total - one.cost.total
        cheaper = f" costs {abs(saved):,.0f} {'less' if saved > 0 else 'more'} a year and"
    return f"One place{cheaper} takes everything with it when it is lost; with several, most goes on."


def _computer(plan: Plan, subject: Subject) -> Iterator[str]:
    found, computer = plan.computer, subject.assets.computer
    yield (
        f"\nTHE ENGINEER'S ONE COMPUTER: {computer.seconds_for_readings} for {computer.readings:,} readings, "
        f"{computer.memory_per_reading}B a reading, {computer.memory_for_the_rest}B for the rest, of {computer.memory}B"
    )
    rows = [
        (
            f"{each.kilometres:,g} km",
            f"{each.readings:,.0f}",
            size(each.memory),
            share(each.memory_share),
            milliseconds(each.seconds),
            share(each.time_share),
            each.verdict,
        )
        for each in found.ticks
    ]
    yield from table(("pipeline", "readings/tick", "memory", "of it", "time", "of it", "verdict"), rows)
    yield (
        f"  It goes as far as {min(found.kilometres_by_memory, found.kilometres_by_time):,.4g} km. "
        f"What fails first: {found.fails_first}."
    )


def _warnings(plan: Plan) -> Iterator[str]:
    if plan.warnings:
        yield "\nTO LOOK AT"
        for warning in plan.warnings:
            yield f"  {warning}."


def _assumptions(subject: Subject) -> Iterator[str]:
    yield "\nASSUMED"
    for sentence in (
        f"Each gateway sends one request of {subject.assets.delivery.request_readings} readings in each tick, all at "
        "the same instants; delays are independent and normal.",
        "Each request goes to a replica by chance; a replica makes one pass at a time, of all that waits.",
        "Every replica has the cores that it was measured with to itself; time counts from a request's arrival.",
        "A region that takes over for another has the replicas that it has: an autoscaler adds more within minutes.",
    ):
        yield f"  {sentence}"
