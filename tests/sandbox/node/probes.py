"""When a probe's answers change a container's state: the kubelet's rule, without time or network."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.sandbox.kube_api import Object


@dataclass(frozen=True)
class ProbeRule:
    """A probe's times in seconds and its thresholds in answers, with the API's defaults."""

    initial_delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    success_threshold: int = 1
    failure_threshold: int = 3

    @classmethod
    def of(cls, probe: Object) -> ProbeRule:
        """The rule of a Probe as the API has it."""
        return cls(
            initial_delay=float(probe.get("initialDelaySeconds", cls.initial_delay)),
            period=float(probe.get("periodSeconds", cls.period)),
            timeout=float(probe.get("timeoutSeconds", cls.timeout)),
            success_threshold=int(probe.get("successThreshold", cls.success_threshold)),
            failure_threshold=int(probe.get("failureThreshold", cls.failure_threshold)),
        )


@dataclass(frozen=True)
class Tally:
    """What a probe has found so far: `verdict` is what counts, `last` and `run` the latest answer and its run."""

    verdict: bool | None
    last: bool | None = None
    run: int = 0

    def after(self, answer: bool, rule: ProbeRule) -> Tally:
        """The tally after one more answer; the verdict changes when a run reaches its threshold."""
        run = self.run + 1 if answer == self.last else 1
        threshold = rule.success_threshold if answer else rule.failure_threshold
        verdict = answer if run >= threshold else self.verdict
        return replace(self, verdict=verdict, last=answer, run=run)


# Until an answer counts: not ready, alive, and not known to have started.
READINESS = Tally(verdict=False)
LIVENESS = Tally(verdict=True)
STARTUP = Tally(verdict=None)
