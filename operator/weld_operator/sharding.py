"""Which of several processes looks after a WeldModel: a hash of its key says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from weld_operator.belonging import keys_about
from weld_operator.kinds import Key, Kind, Object


def shard_of(key: Key, shards: int) -> int:
    """The number of a WeldModel's shard, from 0: the same in every process, and as many in each, about."""
    digest = hashlib.blake2b(f"{key.namespace}/{key.name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % shards


@dataclass(frozen=True)
class Shard:
    """One of so many; the only one unless it is said otherwise."""

    number: int = 0
    shards: int = 1

    def has(self, key: Key) -> bool:
        """Whether a WeldModel belongs to it."""
        return self.shards == 1 or shard_of(key, self.shards) == self.number

    def is_about(self, kind: Kind, body: Object) -> bool:
        """Whether an object belongs to one of its WeldModels, or is one."""
        return self.shards == 1 or any(self.has(key) for key in keys_about(kind, body))
