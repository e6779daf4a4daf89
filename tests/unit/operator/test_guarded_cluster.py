"""Which troubles of another cluster count as its silence."""

from __future__ import annotations

from unittest.mock import AsyncMock

import pytest
from kubernetes.aio.client import ApiException

from tests.unit.operator.followed_cluster import FollowedInMemoryCluster
from weld_operator.adapters.cluster import BusyError, ClusterError, RefusedError, UnreachableError
from weld_operator.adapters.guarded_cluster import GuardedCluster
from weld_operator.adapters.kubernetes_cluster import _explained
from weld_operator.kinds import HTTP_ROUTE


@pytest.mark.parametrize(
    ("error", "is_silent"),
    [(UnreachableError("connection refused"), True), (BusyError("webhook failed"), False), (RefusedError("no"), False)],
    ids=lambda value: type(value).__name__,
)
async def test_a_cluster_that_answers_is_not_silent_whatever_it_says(
    monkeypatch: pytest.MonkeyPatch, error: ClusterError, is_silent: bool
) -> None:
    heard: list[UnreachableError] = []
    cluster = FollowedInMemoryCluster()
    monkeypatch.setattr(cluster, "get", AsyncMock(side_effect=error))
    guarded = GuardedCluster(lambda: cluster, heard.append, heard.append)
    with pytest.raises(type(error)):
        await guarded.get(HTTP_ROUTE, "plant-a", "north-line")
    assert bool(heard) == is_silent


@pytest.mark.parametrize(("status", "is_busy"), [(401, False), (429, True), (500, True), (503, True)])
def test_every_answer_but_that_of_a_stranger_asks_for_patience(status: int, is_busy: bool) -> None:
    error = _explained(HTTP_ROUTE, "PATCH", "/apis", ApiException(status=status, reason="so"))
    assert isinstance(error, UnreachableError)
    assert isinstance(error, BusyError) == is_busy
