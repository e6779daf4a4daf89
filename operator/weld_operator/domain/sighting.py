"""What a trial sees: the candidate, the Stable revision and the requests between them, from what was observed."""

from __future__ import annotations

from weld_api.action import RolloutAction
from weld_api.spec import WeldModelSpec
from weld_api.status import BundleReference, Revision
from weld_operator.domain.diagnosis import diagnose
from weld_operator.domain.observation import Observation, RevisionObservation
from weld_operator.domain.rollout.trial import Sight
from weld_operator.domain.sizes import Needs
from weld_operator.domain.subject import Subject


def sight_of(
    subject: Subject, spec: WeldModelSpec, name: str, answering: Revision | None, needs: Needs, observation: Observation
) -> Sight:
    """`name`: the revision that the spec asks for. `answering`: the Stable one. `needs`: replicas that `name` needs."""
    seen = observation.revisions.get(name)
    return Sight(
        asked=BundleReference(version=spec.model.version, digest=spec.model.sha256),
        stable=None if answering is None else BundleReference(version=answering.version, digest=answering.digest),
        exists=seen is not None,
        is_ready=seen is not None and seen.is_ready(needs.for_share),
        can_take_all=seen is not None and seen.is_ready(needs.for_all),
        answers=seen is not None and _answers(seen, answering),
        fault="" if seen is None else _fault(seen),
        stable_answers=answering is None or observation.ready_replicas(answering.name) > 0,
        weight=observation.weight(name) if observation.is_in_force else None,
        verdicts=observation.verdicts,
        compared=observation.compared,
        action=subject.action if isinstance(subject.action, RolloutAction) else None,
    )


def _answers(seen: RevisionObservation, answering: Revision | None) -> bool:
    """While another one answers, a candidate that is changed in place does not cease to."""
    return seen.available_replicas > 0 and (answering is not None or seen.is_updated)


def _fault(seen: RevisionObservation) -> str:
    """Why no replica can start, where waiting is pointless; one that fails beside others is the gates' affair."""
    finding = diagnose(seen) if seen.available_replicas == 0 else None
    return finding.message if finding is not None and finding.conclusive else ""
