"""When probes' answers count, and how long a container waits before it is started again."""

import pytest

from tests.sandbox.node.addresses import AddressesExhaustedError, AddressPool, Block
from tests.sandbox.node.backoff import BackOff
from tests.sandbox.node.probes import LIVENESS, READINESS, STARTUP, ProbeRule, Tally

RULE = ProbeRule(success_threshold=2, failure_threshold=3)


def verdicts(tally: Tally, answers: str) -> list[bool | None]:
    """The verdict after each answer: y is success, n is failure."""
    found = []
    for answer in answers:
        tally = tally.after(answer == "y", RULE)
        found.append(tally.verdict)
    return found


def test_readiness_begins_unready_and_needs_its_successes_in_a_row() -> None:
    assert verdicts(READINESS, "ynyy") == [False, False, False, True]


def test_readiness_is_lost_only_after_its_failures_in_a_row() -> None:
    assert verdicts(Tally(verdict=True), "nnynnn") == [True, True, True, True, True, False]


def test_liveness_begins_alive_and_is_lost_after_its_failures_in_a_row() -> None:
    assert verdicts(LIVENESS, "nnynnn") == [True, True, True, True, True, False]


def test_startup_has_no_verdict_until_a_threshold_is_reached() -> None:
    assert verdicts(STARTUP, "nnyy") == [None, None, None, True]
    assert verdicts(STARTUP, "nnn") == [None, None, False]


def test_a_probe_has_the_defaults_of_the_api() -> None:
    assert ProbeRule.of({"httpGet": {}}) == ProbeRule(0.0, 10.0, 1.0, 1, 3)
    assert ProbeRule.of({"periodSeconds": 1, "failureThreshold": 30}) == ProbeRule(0.0, 1.0, 1.0, 1, 30)


def test_the_first_restart_is_at_once_and_the_next_ones_wait_twice_as_long_each() -> None:
    backoff = BackOff(first=1.0, longest=10.0)
    assert [backoff.delay(failures) for failures in range(1, 8)] == [0, 1, 2, 4, 8, 10, 10]
    assert backoff.delay(10_000) == 10


def test_a_long_run_makes_earlier_ends_forgotten() -> None:
    backoff = BackOff(longest=10.0)
    assert backoff.forgets(20.1)
    assert not backoff.forgets(20.0)


def test_addresses_are_distinct_and_come_back_only_after_their_release() -> None:
    pool = AddressPool("127.1.3")
    taken = [pool.take() for _ in range(253)]
    assert len(set(taken)) == 253
    assert pool.node == "127.1.3.1"
    assert pool.node not in taken
    with pytest.raises(AddressesExhaustedError, match=r"127\.1\.3\.2"):
        pool.take()
    pool.release("127.1.3.9")
    assert pool.take() == "127.1.3.9"


def test_a_released_address_is_the_last_to_be_taken_again() -> None:
    pool = AddressPool("127.1.3")
    first = pool.take()
    pool.release(first)
    assert pool.take() != first


@pytest.mark.parametrize("block", ["10.1.1", "127.1", "127.1.256", "127.1.x", "127.1.1.0"])
def test_a_block_that_is_not_loopback_is_refused(block: str) -> None:
    with pytest.raises(ValueError, match=r"127\.1\.1"):
        AddressPool(block)


def test_a_block_is_claimed_by_one_node_at_a_time_and_wished_for_again() -> None:
    first = Block.claim("a node's folder")
    second = Block.claim("a node's folder")
    assert first.text != second.text
    for block in (first, second):
        block.release()
    again = Block.claim("a node's folder")
    assert again.text == first.text
    again.release()
