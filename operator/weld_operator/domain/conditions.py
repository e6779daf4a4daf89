"""The conditions and the one-word phase, from the revisions and what is seen of them.

`Serving` is about the Stable revision alone: is it answering now?
`Progressing` follows the Deployment's habit: True while what the spec asks for is on its way, on trial or has arrived,
False when it is stuck or was rolled back, with the cause as the reason. So a False in either means that somebody should
look.
`PlatformReady` is the same for every WeldModel: is all there that the operator needs of the cluster? It alone says what
to install. Where a lack keeps this WeldModel from progressing, `Progressing` says so, with the reason PlatformNotReady.
What serves is judged by `Serving` as if nothing were lacking: a Gateway that says nothing of itself may well work.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from weld_api.quantity import parse_duration
from weld_api.spec import WeldModelSpec
from weld_api.status import Condition, ConditionStatus, Revision
from weld_operator.domain.diagnosis import Finding, diagnose
from weld_operator.domain.observation import Observation, Obstacle, RevisionObservation
from weld_operator.domain.revisions import Course, Revisions, pending, stable
from weld_operator.domain.subject import Subject
from weld_operator.domain.trial_progress import REASONS, ROLLED_BACK, rejection_progress, trial_progress
from weld_operator.kinds import Object

Phase = Literal[
    "Pending",
    "Serving",
    "Updating",
    "Trial",
    "Paused",
    "AwaitingApproval",
    "RolledBack",
    "Degraded",
    "UpdateFailed",
    "Failed",
]


class Verdict(NamedTuple):
    """A condition without its times."""

    status: ConditionStatus
    reason: str
    message: str


def serving(course: Course, observation: Observation) -> Verdict:
    """Whether the Stable revision answers, or a candidate that it has left everything to."""
    answering = stable(course.revisions)
    if answering is None:
        return Verdict("False", "NoRevisionReady", "No revision has been ready yet")
    seen = observation.revisions.get(answering.name)
    instead = _answers_instead(course, observation)
    if instead is not None:
        message = f"No replica of version {answering.version} is ready; version {instead.version} answers meanwhile"
        return Verdict("True", "CandidateAnswers", message)
    if seen is None:
        return Verdict("False", "RevisionMissing", f"InferenceService {answering.name} does not exist and is rebuilt")
    if seen.ready_replicas == 0:
        return Verdict("False", "NoReplicaReady", _because(_count(answering, seen), diagnose(seen)))
    rejected = _rejection(observation.route)
    if rejected is not None:
        return rejected
    if seen.ready_replicas < seen.desired_replicas:
        return Verdict("True", "SomeReplicasReady", _because(_count(answering, seen), diagnose(seen)))
    return Verdict("True", "AllReplicasReady", _count(answering, seen))


def progressing(subject: Subject, course: Course, observation: Observation, now: datetime) -> Verdict:
    """Whether what the spec asks for is on its way or there, or what keeps it from it."""
    if subject.spec is None:
        return Verdict("False", "InvalidSpec", subject.fault)
    if observation.obstacles:
        first = observation.obstacles[0]
        return Verdict("False", first.reason, first.message)
    within = parse_duration(subject.spec.serving.ready_within)
    candidate, answering = pending(course.revisions), stable(course.revisions)
    if candidate is not None:
        starts = _starting(candidate, observation, now - candidate.asked_at, within)
        return starts if answering is None else _tried(subject.spec, course, starts)
    rejection = next((each for each in course.trial.memory.rejected if each.digest == subject.spec.model.sha256), None)
    if rejection is not None:
        return Verdict(*rejection_progress(rejection))
    if answering is None:
        return Verdict("True", "RevisionStarting", "A revision is being made")
    return _arrived(answering, observation, now - answering.asked_at, within)


def phase_of(serves: Verdict, progresses: Verdict, revisions: Revisions) -> Phase:
    """The state in one word."""
    if serves.status != "True":
        is_young = progresses.status == "True" and stable(revisions) is None
        return "Pending" if is_young else "Failed"
    if progresses.status != "True":
        return "RolledBack" if progresses.reason == ROLLED_BACK else "UpdateFailed"
    if progresses.reason != "UpToDate":
        return _ON_TRIAL.get(progresses.reason, "Updating")
    return "Serving" if serves.reason == "AllReplicasReady" else "Degraded"


_ON_TRIAL: dict[str, Phase] = {
    **dict.fromkeys(REASONS.values(), "Trial"),
    "Paused": "Paused",
    "AwaitingApproval": "AwaitingApproval",
}
"""The phase for each reason of a trial."""


def dated(kind: str, verdict: Verdict, subject: Subject, now: datetime) -> Condition:
    """The verdict as a condition; its time is that of the last change of its status."""
    before = _before(kind, subject)
    unchanged = before is not None and before.status == verdict.status
    return Condition(
        type=kind,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message,
        last_transition_time=before.last_transition_time if before is not None and unchanged else now,
        observed_generation=subject.generation,
    )


def platform_ready(shortcomings: Sequence[Obstacle] | None, subject: Subject, now: datetime) -> Condition | None:
    """Whether the cluster has what the operator needs; the reason is the gravest shortcoming's, the message has all.

    While the platform has not been looked at (None), the condition stays as it was.
    """
    if shortcomings is None:
        return _before("PlatformReady", subject)
    if not shortcomings:
        verdict = Verdict("True", "AllFound", "The cluster has all that the operator needs of it")
    else:
        verdict = Verdict("False", shortcomings[0].reason, ". ".join(each.message for each in shortcomings))
    return dated("PlatformReady", verdict, subject, now)


def _before(kind: str, subject: Subject) -> Condition | None:
    return next((each for each in subject.status.conditions if each.type == kind), None)


def _answers_instead(course: Course, observation: Observation) -> Revision | None:
    """The candidate that gets every request, as no replica of the Stable revision answers."""
    candidate = pending(course.revisions)
    if candidate is None or course.trial.weight < 100 or observation.ready_replicas(candidate.name) == 0:
        return None
    return candidate


def _tried(spec: WeldModelSpec, course: Course, starts: Verdict) -> Verdict:
    """The candidate beside one that answers: how its trial goes, unless it does not start; `starts` says so."""
    state = course.trial.memory.rollout
    if spec.rollout is None or state is None:
        return starts
    if starts.status == "False" and state.measured_from is None and state.phase in ("Shadow", "Canary", "Failed"):
        return starts
    progress = trial_progress(spec.rollout, state)
    if state.reason == "Starting":
        return Verdict(progress.status, progress.reason, f"{progress.message}. {starts.message}")
    return Verdict(*progress)


def _starting(candidate: Revision, observation: Observation, waited: timedelta, within: timedelta) -> Verdict:
    seen = observation.revisions.get(candidate.name)
    if seen is None:
        return Verdict("True", "RevisionStarting", f"Version {candidate.version} is being made")
    finding = diagnose(seen)
    if finding is not None and finding.conclusive:
        return Verdict("False", finding.reason, f"Version {candidate.version} does not start: {finding.message}")
    if waited >= within:
        message = f"Version {candidate.version} has not become ready within {_seconds(within)}"
        return Verdict("False", "ProgressDeadlineExceeded", _because(message, finding))
    message = f"Version {candidate.version} is starting: {seen.available_replicas} of {seen.desired_replicas} replicas"
    return Verdict("True", "RevisionStarting", _because(f"{message} available", finding))


def _arrived(answering: Revision, observation: Observation, waited: timedelta, within: timedelta) -> Verdict:
    """The bundle that is asked for answers already; its InferenceService may still be changing in place."""
    seen = observation.revisions.get(answering.name)
    if seen is None:
        return Verdict("True", "RevisionRebuilding", f"InferenceService {answering.name} is rebuilt")
    if seen.is_updated:
        return Verdict("True", "UpToDate", f"Version {answering.version} is what is asked for")
    finding = diagnose(seen)
    if finding is not None and finding.conclusive:
        return Verdict("False", finding.reason, f"Version {answering.version} cannot be updated: {finding.message}")
    if waited >= within:
        message = f"Version {answering.version} has not been updated in place within {_seconds(within)}"
        return Verdict("False", "ProgressDeadlineExceeded", _because(message, finding))
    return Verdict("True", "RevisionUpdating", _because(f"Version {answering.version} is updated in place", finding))


def _rejection(route: Object | None) -> Verdict | None:
    """What a Gateway's controller has against our HTTPRoute; a controller that never answers objects to nothing."""
    parents = [] if route is None else route.get("status", {}).get("parents", [])
    for parent in parents:
        for entry in parent.get("conditions", []):
            is_current = entry.get("observedGeneration", 0) >= (route or {})["metadata"]["generation"]
            if entry["type"] in ("Accepted", "ResolvedRefs") and entry["status"] == "False" and is_current:
                detail = entry.get("message") or entry.get("reason", "no reason given")
                message = f"The Gateway's controller rejects the HTTPRoute ({entry['type']}=False): {detail}"
                return Verdict("False", "RouteRejected", message)
    return None


def _count(revision: Revision, seen: RevisionObservation) -> str:
    return f"{seen.ready_replicas} of {seen.desired_replicas} replicas of version {revision.version} are ready"


def _because(message: str, finding: Finding | None) -> str:
    return message if finding is None else f"{message}. {finding.message}"


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():g} s"
