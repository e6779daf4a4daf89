"""`python -m tests.permissions.witness --name=value ...`: the operator, whose requests say which code makes them.

Each request's User-Agent names the function that asked for it, so that the API server's audit log tells it.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from weld_operator import program
from weld_operator.__main__ import main
from weld_operator.adapters.kubernetes_cluster import KubernetesCluster

AGENT = "weldserve-operator"
PASSING_ON = tuple(
    f"weld_operator.adapters.{module}" for module in ("kubernetes_cluster", "cached_cluster", "fenced_cluster")
)
"""Modules that make requests for others."""


class WitnessedCluster(KubernetesCluster):
    """Names the caller in each request."""

    async def _request(self, *arguments: Any, **options: Any) -> Any:
        # The client reads it before anything else can run.
        self._client.user_agent = f"{AGENT} {_caller(sys._getframe())}"
        return await super()._request(*arguments, **options)


def _caller(frame: FrameType | None) -> str:
    """Module and name of the innermost function of the operator that wants something."""
    while frame is not None:
        module = frame.f_globals["__name__"]
        if module.startswith("weld_operator.") and module not in PASSING_ON:
            return f"{module}:{frame.f_code.co_qualname}"
        frame = frame.f_back
    raise AssertionError("a request that no code of the operator asked for")


if __name__ == "__main__":
    vars(program)[KubernetesCluster.__name__] = WitnessedCluster
    sys.exit(main(sys.argv[1:]))
