"""Which regions of a WeldModel are an installation's own: the same document may be applied in every country."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from weld_api.region import Region
from weld_api.rollout import Rollout
from weld_api.spec import CLIMBING_PATTERN, WeldModelSpec
from weld_api.wave import Wave
from weld_operator.domain.subject import Subject


@dataclass(frozen=True)
class Residency:
    """What an installation may serve; the ValidatingAdmissionPolicy of the chart says the same to those who apply.

    `country`: its own; empty where it has none and takes every region. `stores`: what a bundle's URI may begin with;
    any where empty. `countries`: those that regions may be in; any where empty.
    """

    country: str = ""
    stores: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()


ANYTHING = Residency()
"""What an installation without a country or rules may serve."""


def own_part(spec: WeldModelSpec, country: str) -> tuple[WeldModelSpec, tuple[str, ...]]:
    """The spec with the regions of this country and those of none, and the names of the other regions.

    Waves and `failoverTo` name own regions alone; a wave without any is left out. The shares that are left are of the
    same whole, so that they may add up to less than 100. With an empty `country` all regions are own ones.
    """
    others = tuple(each.name for each in spec.regions if not _is_own(each, country))
    if not others:
        return spec, ()
    own = tuple(_among_own(each, others) for each in spec.regions if _is_own(each, country))
    rollout = None if spec.rollout is None else _own_waves(spec.rollout, others)
    return spec.model_copy(update={"regions": own, "rollout": rollout}), others


def resident(subject: Subject, residency: Residency) -> Subject:
    """The WeldModel as it may be served: one that breaks a rule stays as it is until that is mended."""
    if subject.spec is None:
        return subject
    broken = broken_residency(subject.spec, residency)
    return subject if broken is None else replace(subject, spec=None, fault=broken)


def broken_residency(spec: WeldModelSpec, residency: Residency) -> str | None:
    """The rule of the installation that a spec breaks, in one sentence; None when it breaks none."""
    uri = spec.model.uri
    if residency.stores and not uri.startswith(residency.stores):
        return f"spec.model.uri {uri!r} breaks residency.stores: it must begin with {_or(residency.stores)}"
    if residency.stores and re.search(CLIMBING_PATTERN, uri):
        return f"spec.model.uri {uri!r} breaks residency.stores: it must have no part '.' or '..'"
    for region in spec.regions:
        if residency.countries and region.country is not None and region.country not in residency.countries:
            return (
                f"spec.regions: region {region.name!r} is in {region.country}, which breaks residency.countries: it "
                f"must be in {_or(residency.countries)}"
            )
    return None


def _is_own(region: Region, country: str) -> bool:
    return not country or region.country in (None, country)


def _among_own(region: Region, others: tuple[str, ...]) -> Region:
    return region.model_copy(update={"failover_to": tuple(name for name in region.failover_to if name not in others)})


def _own_waves(rollout: Rollout, others: tuple[str, ...]) -> Rollout:
    waves = (_own_wave(wave, others) for wave in rollout.waves)
    return rollout.model_copy(update={"waves": tuple(wave for wave in waves if wave.regions)})


def _own_wave(wave: Wave, others: tuple[str, ...]) -> Wave:
    return wave.model_copy(update={"regions": tuple(name for name in wave.regions if name not in others)})


def _or(words: Iterable[str]) -> str:
    return " or ".join(words)
