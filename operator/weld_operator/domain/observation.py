"""What was seen in the cluster of one WeldModel, and what it says about readiness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from weld_api.names import DIGEST_ANNOTATION, VERSION_ANNOTATION
from weld_operator.domain.gates.verdict import Verdict
from weld_operator.kinds import Kind, Object


@dataclass(frozen=True)
class RevisionObservation:
    """The InferenceService of one revision and what KServe made of it.

    `pods` are looked at only while not every replica is ready, and of a candidate on trial; they are empty otherwise.
    """

    service: Object
    deployment: Object | None = None
    pods: tuple[Object, ...] = ()

    @property
    def name(self) -> str:
        return str(self.service["metadata"]["name"])

    @property
    def digest(self) -> str:
        return self._annotation(DIGEST_ANNOTATION)

    @property
    def version(self) -> str:
        return self._annotation(VERSION_ANNOTATION)

    @property
    def created(self) -> datetime:
        return datetime.fromisoformat(self.service["metadata"]["creationTimestamp"])

    @property
    def desired_replicas(self) -> int:
        return 0 if self.deployment is None else int(self.deployment["spec"].get("replicas", 1))

    @property
    def ready_replicas(self) -> int:
        return self._replicas("readyReplicas")

    @property
    def available_replicas(self) -> int:
        return self._replicas("availableReplicas")

    @property
    def is_updated(self) -> bool:
        """KServe and the Deployment's controller have seen the newest spec, and no older Pod is left."""
        # KServe copies the Deployment's generation into its own status: it tells that it has looked, not at what.
        has_looked = "observedGeneration" in self.service.get("status", {})
        if self.deployment is None or not has_looked or not _is_observed(self.deployment):
            return False
        return self._replicas("updatedReplicas") == self._replicas("replicas")

    @property
    def is_complete(self) -> bool:
        """The newest spec is served by as many replicas as the Deployment wants."""
        return self.is_updated and self.available_replicas >= self.desired_replicas > 0

    def is_ready(self, replicas: int) -> bool:
        """Whether it can take over: KServe calls it Ready, and so many replicas of the newest spec are available."""
        return (
            self.is_updated
            and condition_status(self.service, "Ready") == "True"
            and self.available_replicas >= max(replicas, 1)
        )

    def _annotation(self, name: str) -> str:
        return str(self.service["metadata"].get("annotations", {}).get(name, ""))

    def _replicas(self, field_name: str) -> int:
        status = {} if self.deployment is None else self.deployment.get("status", {})
        return int(status.get(field_name, 0))


@dataclass(frozen=True)
class Obstacle:
    """Why something could not be written; the message is one sentence."""

    reason: str
    message: str


def unknown(kind: Kind, *, elsewhere: bool = False) -> Obstacle:
    """The cluster does not know this kind; what to install for it is said in one place, the condition PlatformReady.

    That is about this cluster, and not about one `elsewhere`.
    """
    if elsewhere:
        return Obstacle("PlatformNotReady", f"Its cluster does not know {kind.name}s of {kind.api_version}")
    message = f"The cluster does not know {kind.name}s; the condition PlatformReady says what it lacks"
    return Obstacle("PlatformNotReady", message)


@dataclass(frozen=True)
class Observation:
    """All that was seen: revisions by their name, the HTTPRoute, and what could not be written.

    `weights`: the share of the requests that each revision gets, in percent, as the cluster shows it; None where it
    shows none. `shortcomings`: what the platform lacks; None while it has not been looked at. `verdicts` of the gates
    by name, where they were judged since the last look. `compared`: readings that the shadow had compared then.
    """

    revisions: Mapping[str, RevisionObservation] = field(default_factory=dict)
    route: Object | None = None
    weights: Mapping[str, int] | None = None
    is_in_force: bool = True
    obstacles: tuple[Obstacle, ...] = ()
    shortcomings: tuple[Obstacle, ...] | None = None
    verdicts: Mapping[str, Verdict] | None = None
    compared: int = 0

    def ready_replicas(self, revision: str) -> int:
        """Ready replicas of a revision; 0 when it does not exist."""
        seen = self.revisions.get(revision)
        return 0 if seen is None else seen.ready_replicas

    def available_replicas(self, revision: str) -> int:
        """Available replicas of a revision; 0 when it does not exist."""
        seen = self.revisions.get(revision)
        return 0 if seen is None else seen.available_replicas

    def weight(self, revision: str) -> int | None:
        """A revision's share of the requests, in percent; None where the cluster shows no shares."""
        return None if self.weights is None else self.weights.get(revision, 0)

    def is_routed(self, revision: str) -> bool:
        """Whether requests are sent to a revision."""
        return bool(self.weight(revision))


def condition(body: Object, kind: str) -> Object | None:
    """The condition of this type in an object's status."""
    conditions = body.get("status", {}).get("conditions", [])
    return next((entry for entry in conditions if entry["type"] == kind), None)


def condition_status(body: Object, kind: str) -> str:
    """The status of a condition; Unknown when there is none."""
    found = condition(body, kind)
    return "Unknown" if found is None else str(found["status"])


def _is_observed(body: Object) -> bool:
    return bool(body.get("status", {}).get("observedGeneration", 0) >= body["metadata"]["generation"])
