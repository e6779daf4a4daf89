"""Reads a WeldModel, and prints what is asked of it."""

from __future__ import annotations

from datetime import UTC, datetime

from weld_api.weld_model import WeldModel
from weld_cli.rollout_cluster import Access, reached
from weld_cli.rollout_past import explanation, history
from weld_operator.adapters.cluster import RefusedError


async def read_model(name: str, access: Access) -> WeldModel:
    """Raises CommandError where there is none."""
    async with reached(access) as (cluster, namespace):
        return await cluster.model(namespace, name)


async def print_explanation(name: str, access: Access) -> None:
    async with reached(access) as (cluster, namespace):
        model = await cluster.model(namespace, name)
        print("\n".join(explanation(model, datetime.now(UTC))))


async def print_history(name: str, access: Access) -> None:
    """Also for those who may not read Events."""
    async with reached(access) as (cluster, namespace):
        model = await cluster.model(namespace, name)
        try:
            events = await cluster.events(namespace, name)
        except RefusedError:
            events = None
        print("\n".join(history(model, events)))
