"""Why a reading that was to be compared was not."""

from __future__ import annotations

from enum import StrEnum


class Loss(StrEnum):
    """Values of the label `reason`."""

    SHARE = "share"
    """The order asks for a share of the readings only."""
    BUSY = "busy"
    """It would have taken more memory, or more of the processor, than shadowing may."""
    UNREACHABLE = "unreachable"
    """There was no address, none that answered, or none that serves the bundle that the order names."""
    REFUSED = "refused"
    """The candidate answered with another status than 200."""
    SLOW = "slow"
    """The candidate did not answer in time."""
    UNPAIRED = "unpaired"
    """The candidate did not score it, or answered something that is no answer to what it was asked."""
    ENDED = "ended"
    """The order went, or another came, while it waited."""


LOSSES = tuple(Loss)


class LostError(Exception):
    """An exchange with the candidate came to nothing; the text says how."""

    def __init__(self, loss: Loss, text: str) -> None:
        super().__init__(text)
        self.loss = loss
