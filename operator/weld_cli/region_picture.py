"""What `weldserve region status` shows: all regions of a WeldModel at one moment."""

from __future__ import annotations

from collections.abc import Iterator

from weld_api.status import RegionStatus
from weld_api.weld_model import WeldModel
from weld_cli.rollout_table import aligned
from weld_operator.domain.regions.sights import stable_of
from weld_operator.domain.regions.summary import why


def serves(model: WeldModel) -> bool:
    """Whether every reading is answered somewhere, as the condition Serving tells it."""
    return any(each.type == "Serving" and each.status == "True" for each in model.status.conditions)


def picture(model: WeldModel) -> Iterator[str]:
    """Lines for a terminal."""
    status, asked = model.status, model.spec.model
    yield f"WeldModel {model.metadata.namespace}/{model.metadata.name}"
    yield f"  asked for  {asked.version}"
    if not status.regions:
        yield "  regions    none: it is served in this cluster as a whole"
        return
    if status.survives_losses is not None:
        losses = status.survives_losses
        regions = _count(losses.regions, "region")
        yield f"  survives   the loss of any {regions}, or of {_count(losses.replicas, 'replica')} in each region"
    for kind in ("Serving", "Progressing"):
        said = next((each.message for each in status.conditions if each.type == kind), None)
        if said is not None:
            yield f"  {kind.lower():<10} {said}"
    yield ""
    shares = {region.name: region.share for region in model.spec.regions}
    heading = ["region", "version", "ready", "share", "answered by", "why"]
    rows = [heading, *(_row(region, shares.get(region.name)) for region in status.regions)]
    yield from (f"  {line}" for line in aligned(rows, left=len(heading)))
    if status.elsewhere:
        yield ""
        yield f"  served by installations of other countries: {', '.join(status.elsewhere)}"


def _row(region: RegionStatus, share: int | None) -> list[str]:
    answering = stable_of(region)
    return [
        region.name,
        "none" if answering is None else answering.version,
        f"{region.replicas.ready} of {region.replicas.desired}",
        "leaving" if share is None else f"{share} %",
        _destinations(region),
        why(region),
    ]


def _destinations(region: RegionStatus) -> str:
    """The regions that its sensors send to, with their weights where there are several."""
    used = [each for each in region.sends_to if each.weight]
    if len(used) == 1:
        return "itself" if used[0].region == region.name else used[0].region
    return ", ".join(f"{each.region} {each.weight} %" for each in used) or "nobody yet"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
