"""What waits to be forwarded: bounded, and what does not fit is lost at once."""

from __future__ import annotations

from collections import deque

from weld_predictor.shadow.batch import Batch


class Backlog:
    """Batches in the order in which they came, at most so many readings and bytes of them."""

    def __init__(self, most_readings: int, most_bytes: int) -> None:
        self._most_readings = most_readings
        self._most_bytes = most_bytes
        self._batches: deque[Batch] = deque()
        self.readings = 0
        self._bytes = 0

    def fits(self, readings: int, size: int) -> bool:
        """Whether there is room for so many readings, of `size` bytes; always where nothing waits."""
        return not self.readings or (
            self.readings + readings <= self._most_readings and self._bytes + size <= self._most_bytes
        )

    def put(self, batch: Batch) -> None:
        self._batches.append(batch)
        self.readings += len(batch)
        self._bytes += batch.nbytes

    def take(self, most_readings: int, most_bytes: int) -> list[Batch]:
        """The oldest, and those after it that are of its kind, within these bounds; at least one reading if any wait.

        Cheap, as somebody may wait for the lock meanwhile.
        """
        taken: list[Batch] = []
        while self._batches and (not taken or self._batches[0].kind == taken[0].kind):
            batch = self._batches[0]
            room = min(most_readings, most_bytes // (batch.nbytes // len(batch)))
            if len(batch) > room and taken:
                break
            room = max(room, 1)
            self._batches.popleft()
            self.readings -= len(batch)
            self._bytes -= batch.nbytes
            if len(batch) > room:
                rest, batch = batch.take(slice(room, None)), batch.take(slice(room))
                self._batches.appendleft(rest)
                self.readings += len(rest)
                self._bytes += rest.nbytes
            most_readings -= len(batch)
            most_bytes -= batch.nbytes
            taken.append(batch)
            if most_readings <= 0 or most_bytes <= 0:
                break
        return taken

    def clear(self) -> int:
        """Let everything go; how many readings that were."""
        readings, self.readings, self._bytes = self.readings, 0, 0
        self._batches.clear()
        return readings
