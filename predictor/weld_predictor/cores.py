"""How many cores this process may keep busy."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores(cgroup: Path = _CGROUP) -> int:
    """Whole cores, 1 or more: those it may run on, and no more than the container's quota, beyond which it is halted.

    `cgroup`: where control groups are mounted, of version 2 or 1 (a container sees its own there).
    """
    allowed = len(os.sched_getaffinity(0))
    quota = _quota(cgroup)
    return max(allowed if quota is None else min(allowed, int(quota)), 1)


def _quota(cgroup: Path) -> float | None:
    """Cores; None where nothing limits them."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = (
                (cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period")
            )
        except OSError:
            return None
    try:
        cores = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max": no limit
        return None
    return cores if cores > 0 else None
