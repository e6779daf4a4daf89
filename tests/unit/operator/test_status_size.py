"""The status stays below 32 KiB, whatever a spec and a history make of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.operator.cluster_objects import NOW, remembered, spec_of
from weld_api.rollout import MOST_GATES, MOST_STEP_GATES
from weld_api.rollout_status import (
    LONGEST_SENTENCE,
    MOST_HISTORY,
    MOST_REJECTIONS,
    Evidence,
    HumanAct,
    PastTrial,
    Rejection,
    RolloutStatus,
)
from weld_api.spec import WeldModelSpec
from weld_api.status import BundleReference, Condition, WeldModelStatus
from weld_operator.domain.status_size import fitted

LIMIT = 32 * 1024


def _largest_spec(letter: str) -> dict[str, object]:
    features = [{"name": f"{number}".rjust(63, "f"), "deadBand": 1.2345678901234567e-20} for number in range(8)]
    spec = spec_of(letter, intake={"sampling": "OnChange", "onChange": {"features": features}})
    spec["model"] |= {"uri": "s3://" + "u" * 1019, "serviceAccountName": "a" * 253, "version": "1.0.0-" + "v" * 57}
    spec["serving"]["availability"] = {"spreadAcross": [f"{number}".rjust(253, "k") for number in range(4)]}
    return WeldModelSpec.model_validate(spec).model_dump(mode="json", exclude_none=True)


def _status(word: str, gates: int, history: int, rejected: int) -> WeldModelStatus:
    sentence = (word * LONGEST_SENTENCE)[:LONGEST_SENTENCE]
    act = HumanAct(verb="promote", by="b" * 253, why=sentence, at=NOW)
    evidence = Evidence(
        gate="g" * 40,
        verdict="InsufficientEvidence",
        reason="TooFewSamples",
        message=sentence,
        value=0.12345678901234567,
        samples=10**12,
        lower=1e-300,
        upper=0.9876543210987654,
        query=sentence,
        window_seconds=123456.123456,
        age_seconds=123456.123456,
        since=NOW,
    )
    about = {"version": "1.0.0-" + "v" * 57, "digest": "d" * 64}
    trial = RolloutStatus(
        phase="Canary", **about, step=12, steps=12, weight=99, started=NOW, since=NOW, measured_from=NOW, looked_at=NOW,
        approval=act, reason="WaitingForEvidence", message=sentence, evidence=(evidence,) * gates,
    )  # fmt: skip
    past = PastTrial(**about, outcome="RolledBack", started=NOW, ended=NOW, message=sentence, by=act)
    turned_down = Rejection(**about, at=NOW, reason="GateFailed", message=sentence)
    condition = Condition(
        type="Progressing", status="False", reason="R" * 60, message=word * 2000, last_transition_time=NOW,
        observed_generation=1,
    )  # fmt: skip
    return WeldModelStatus(
        conditions=(condition,) * 3,
        stable=BundleReference(**about),
        candidate=BundleReference(**about),
        revisions=tuple(remembered(letter, "Retiring", spec=_largest_spec(letter)) for letter in "abcd"),
        rollout=trial,
        rejected=(turned_down,) * rejected,
        history=(past,) * history,
        last_action="i" * 64,
        url="http://" + "h" * 253,
    )


def _size(status: WeldModelStatus) -> int:
    return len(json.dumps(status.model_dump(mode="json", exclude_none=True), ensure_ascii=False).encode())


@pytest.mark.parametrize("word", ["w", "€", "😀"], ids=["one byte", "three bytes", "four bytes"])
def test_the_largest_status_fits_and_keeps_what_is_decided_by(word: str) -> None:
    whole = _status(word, MOST_GATES + MOST_STEP_GATES, MOST_HISTORY, MOST_REJECTIONS)
    assert _size(whole) > LIMIT
    status = fitted(whole)
    assert _size(status) < LIMIT
    assert status.rollout is not None
    assert whole.rollout is not None
    assert [each.verdict for each in status.rollout.evidence] == [each.verdict for each in whole.rollout.evidence]
    assert [each.digest for each in status.rejected] == [each.digest for each in whole.rejected]
    assert status.rollout.approval is not None
    assert status.revisions == whole.revisions
    assert status.history
    assert WeldModelStatus.model_validate_json(status.model_dump_json()) == status
    assert fitted(status) == status


@given(
    word=st.sampled_from(["w", "€", "😀"]),
    gates=st.integers(0, MOST_GATES + MOST_STEP_GATES),
    history=st.integers(0, MOST_HISTORY),
    rejected=st.integers(0, MOST_REJECTIONS),
)
@settings(max_examples=40, deadline=None)
def test_whatever_there_is_to_tell_fits(word: str, gates: int, history: int, rejected: int) -> None:
    assert _size(fitted(_status(word, gates, history, rejected))) < LIMIT


def test_a_status_that_fits_is_not_touched() -> None:
    status = _status("w", 2, 2, 1).model_copy(update={"revisions": (), "conditions": ()})
    assert fitted(status) is status
