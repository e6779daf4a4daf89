"""What every traffic backend is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from weld_operator.desired.target import Target
from weld_operator.domain.decision import DesiredRevision
from weld_operator.domain.observation import Obstacle, RevisionObservation
from weld_operator.domain.platform import BackendName
from weld_operator.domain.subject import Subject
from weld_operator.kinds import Kind, Object

Wanted = list[tuple[Kind, Object]]
"""Objects that should exist, in the order in which they are to be written."""

Found = Mapping[Kind, Mapping[str, Object]]
"""All that carries the WeldModel's label, by kind and name, whoever owns it."""


@dataclass(frozen=True)
class TrafficPlan:
    """What a decision wants of the traffic.

    weight: requests that go to the candidate, of a hundred; the stable revision has the others
    retiring: revisions that were replaced a moment ago and still exist
    """

    stable: DesiredRevision | None
    candidate: DesiredRevision | None
    weight: int = 0
    retiring: tuple[DesiredRevision, ...] = ()


@dataclass(frozen=True)
class TrafficObservation:
    """What a cluster shows, which need not be what was asked for.

    revisions: by the name of the revision, without their Pods
    weights: requests of a hundred, by the name of the revision; None while nothing is routed
    in_force: whether those who route have taken these weights on; True also where they never say so
    route: the HTTPRoute whose acceptance by a Gateway counts; None where there is none
    url: where KServe lets requests in, empty until it says so; None where the installation's own host does
    obstacle: why weights that were asked for will never be in force
    """

    revisions: Mapping[str, RevisionObservation] = field(default_factory=dict)
    weights: Mapping[str, int] | None = None
    in_force: bool = True
    route: Object | None = None
    url: str | None = None
    obstacle: Obstacle | None = None


class TrafficBackend(Protocol):
    """One way of dividing the traffic. Equal inputs give equal outputs."""

    @property
    def name(self) -> BackendName:
        """By what the platform is asked what it lacks."""

    @property
    def owned_kinds(self) -> tuple[Kind, ...]:
        """What it writes, in the order in which it is written."""

    @property
    def reads(self) -> tuple[Kind, ...]:
        """What `read` and `objects` look at, with or without our being its owner."""

    @property
    def header_reaches_candidate(self) -> bool:
        """Whether a request with the header `weldserve-revision` is answered by the candidate whatever its weight."""

    def pod_labels(self, revision: str) -> dict[str, str]:
        """Labels that the Pods of a revision have, and no others."""

    def expected(self, owner: Subject) -> tuple[tuple[Kind, str], ...]:
        """Objects to look for by their name where the label did not find them: somebody may have edited it."""

    def read(self, owner: Subject, found: Found) -> TrafficObservation:
        """What the cluster shows."""

    def objects(self, owner: Subject, plan: TrafficPlan, found: Found, target: Target) -> Wanted:
        """All objects of all revisions, and their routing.

        A cluster follows step by step, so that what is wanted of a plan may depend on what is found. A revision whose
        spec is not known is routed to and otherwise left as it is.
        """

    def stays(self, kind: Kind, name: str, owner: Subject, kept: frozenset[str], /) -> bool:
        """Whether an object that `objects` does not want stays all the same; `kept` names revisions that are kept."""
