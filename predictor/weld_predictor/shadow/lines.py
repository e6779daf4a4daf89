"""The candidate's replicas: each has its turn, and rests after a failure."""

from __future__ import annotations

import random
from dataclasses import dataclass

from weld_predictor.shadow.line import Line
from weld_predictor.shadow.losses import Loss
from weld_predictor.shadow.order import Address, Order

MOST_LINES = 16
"""Connections at a time; of more addresses some are chosen by chance, others by each predictor that shadows."""
SHORTEST_REST, LONGEST_REST = 0.5, 30.0
"""Seconds for which an address is left alone after a failure; doubled with each that follows."""


@dataclass(slots=True)
class _Replica:
    line: Line
    failures: int = 0
    rested_at: float = 0.0


class Lines:
    """One line to each address of an order."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._digest = ""
        self._replicas: dict[Address, _Replica] = {}
        self._latest = Loss.UNREACHABLE

    def follow(self, order: Order | None) -> None:
        """Close the lines that the order does not name, and have one to each address that it does."""
        addresses = () if order is None else order.addresses
        digest = "" if order is None else order.digest
        for address in list(self._replicas):
            if address not in addresses or digest != self._digest:
                self._replicas.pop(address).line.close()
        self._digest = digest
        fresh = [address for address in addresses if address not in self._replicas]
        for address in random.sample(fresh, min(len(fresh), MOST_LINES - len(self._replicas))):
            self._replicas[address] = _Replica(Line(address, self._model))

    def next(self, now: float) -> Line | None:
        """The line whose turn it is, None while all rest; `now` in seconds, by any clock."""
        for address, replica in list(self._replicas.items()):
            if replica.rested_at <= now:
                self._replicas[address] = self._replicas.pop(address)
                return replica.line
        return None

    @property
    def latest_failure(self) -> Loss:
        """Why there is none."""
        return self._latest if self._replicas else Loss.UNREACHABLE

    def worked(self, line: Line) -> None:
        self._replicas[line.address].failures = 0

    def failed(self, line: Line, loss: Loss, now: float) -> None:
        replica = self._replicas[line.address]
        replica.rested_at = now + min(SHORTEST_REST * 2**replica.failures, LONGEST_REST)
        replica.failures = min(replica.failures + 1, 16)
        self._latest = loss

    def abort(self) -> None:
        """From another thread: have what is under way fail."""
        for replica in list(self._replicas.values()):
            replica.line.abort()
