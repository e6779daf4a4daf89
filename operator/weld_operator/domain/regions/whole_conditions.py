"""The conditions Serving, Progressing and PlatformReady of a WeldModel with regions, and its state in one word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from weld_api.region_status import WaveFailure
from weld_api.spec import WeldModelSpec
from weld_api.status import Condition, RegionStatus, WeldModelStatus
from weld_operator.domain import conditions
from weld_operator.domain.conditions import Phase, Verdict
from weld_operator.domain.observation import Obstacle
from weld_operator.domain.regions.sights import sight_of_region, stable_of
from weld_operator.domain.subject import Subject
from weld_operator.domain.trial_progress import ROLLED_BACK

Regions = Sequence[RegionStatus]

_TRIAL_PHASES: tuple[Phase, ...] = ("Paused", "AwaitingApproval", "Trial", "Updating")


def serving(spec: WeldModelSpec, regions: Regions) -> Verdict:
    """Whether every region's readings are answered, there or elsewhere."""
    states = {region.name: sight_of_region(region).state for region in regions}
    if all(state == "New" for state in states.values()):
        return Verdict("False", "NoRevisionReady", "No revision has been ready yet")
    shares = {region.name: region.share for region in spec.regions}
    lost = [region for region in regions if states[region.name] in ("New", "NotServing")]
    helpless = [region for region in lost if shares[region.name] and not _carriers(region)]
    if helpless:
        return Verdict("False", "RegionNotServing", _why(helpless[0], "and no other region has its share"))
    unseen = [region for region in regions if states[region.name] == "Unseen"]
    if unseen:
        reason = unseen[0].unreachable_reason or "its cluster cannot be reached"
        return Verdict("True", "RegionUnseen", f"Region {unseen[0].name} cannot be seen: {reason}")
    if lost:
        carriers = " and ".join(_carriers(lost[0])) or "no sensors are there"
        return Verdict("True", "SharesCarried", _why(lost[0], f"its share is with {carriers}"))
    few = [
        region for region in regions if (found := _condition(region, "Serving")) and found.reason != "AllReplicasReady"
    ]
    if few:
        found = _condition(few[0], "Serving")
        return Verdict("True", "SomeReplicasReady", f"{few[0].name}: {'' if found is None else found.message}")
    return Verdict("True", "AllRegionsServing", f"{len(regions)} of {len(regions)} regions serve")


def progressing(regions: Regions, failure: WaveFailure | None) -> Verdict:
    """Whether the bundle that is asked for is on its way through the waves, or there, or what keeps it."""
    if failure is not None:
        message = f"{failure.region} turned version {failure.version} down in wave {failure.wave}: {failure.message}"
        return Verdict("False", ROLLED_BACK, message)
    told = [(region, found) for region in regions if (found := _condition(region, "Progressing")) is not None]
    reached = [(region, found) for region, found in told if region.unreachable_since is None]
    for region, found in reached:
        if found.status != "True":
            return Verdict("False", found.reason, f"{region.name}: {found.message}")
    for region, found in reached:
        if found.reason != "UpToDate":
            return Verdict("True", found.reason, f"{region.name}: {found.message}")
    for region in regions:
        if region.asked is not None and _is_between(region):
            return Verdict("True", "BetweenWaves", f"{region.name}: {region.asked.reason}")
    return Verdict("True", "UpToDate", "Every region serves what is asked for")


def platform_ready(subject: Subject, regions: Regions, now: datetime) -> Condition | None:
    """Whether every region's cluster has what the operator needs, as far as it was looked at."""
    told = [(region, found) for region in regions if (found := _condition(region, "PlatformReady")) is not None]
    if not told:
        return None
    for region, found in told:
        if found.status != "True":
            verdict = Verdict(found.status, found.reason, f"{region.name}: {found.message}")
            return conditions.dated("PlatformReady", verdict, subject, now)
    return conditions.dated("PlatformReady", Verdict("True", told[0][1].reason, told[0][1].message), subject, now)


def hindered(status: WeldModelStatus, obstacle: Obstacle, subject: Subject, now: datetime) -> WeldModelStatus:
    """The status where something that is of no region could not be written."""
    verdict = Verdict("False", obstacle.reason, obstacle.message)
    told = conditions.dated("Progressing", verdict, subject, now.replace(microsecond=0))
    others = (each for each in status.conditions if each.type != "Progressing")
    return status.model_copy(update={"conditions": (*others, told)})


def phase_of(serves: Verdict, progresses: Verdict, regions: Regions) -> Phase:
    """The state in one word."""
    if serves.status != "True":
        return "Pending" if all(stable_of(region) is None for region in regions) else "Failed"
    if progresses.status != "True":
        return "RolledBack" if progresses.reason == ROLLED_BACK else "UpdateFailed"
    if progresses.reason != "UpToDate":
        return next((phase for phase in _TRIAL_PHASES if any(region.phase == phase for region in regions)), "Updating")
    return "Serving" if serves.reason == "AllRegionsServing" else "Degraded"


def _is_between(region: RegionStatus) -> bool:
    """Whether a region does not serve yet what the spec asks for, without a trial that says how far it is."""
    stage = None if region.asked is None else region.asked.stage
    return stage in ("Held", "Trial", "Back") or (stage == "First" and stable_of(region) is None)


def _condition(region: RegionStatus, kind: str) -> Condition | None:
    return next((each for each in region.conditions if each.type == kind), None)


def _carriers(region: RegionStatus) -> list[str]:
    return [each.region for each in region.sends_to if each.weight and each.region != region.name]


def _why(region: RegionStatus, ending: str) -> str:
    found = _condition(region, "Serving")
    said = "it has not been looked at yet" if found is None else found.message
    return f"Region {region.name} does not serve, {ending}: {said}"
