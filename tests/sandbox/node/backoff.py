"""How long a container waits before it is started again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BackOff:
    """The kubelet's rule with shorter times, in seconds: at once, then `first`, doubling up to `longest`."""

    first: float = 1.0
    longest: float = 10.0

    def delay(self, failures: int) -> float:
        """Seconds to wait before the restart that follows the `failures`-th end in a row (1 is the first)."""
        if failures <= 1:
            return 0.0
        # The exponent is bounded because a float's is; any container has reached `longest` long before.
        return min(self.longest, self.first * 2.0 ** min(failures - 2, 60))

    def forgets(self, ran_seconds: float) -> bool:
        """Whether a run was so long that the ends before it no longer count."""
        return ran_seconds > 2 * self.longest
