"""Reading the API server's audit log."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sandbox.audit import Write, audit_writes

OPERATOR = "system:serviceaccount:weldserve-system:weldserve-operator"


def event(verb: str, resource: str, *, user: str = OPERATOR, second: int = 0, stage: str = "ResponseComplete") -> str:
    name, _, subresource = resource.partition("/")
    reference = {"resource": name, **({"subresource": subresource} if subresource else {})}
    received = f"2026-01-01T00:00:{second:02}.000000Z"
    line = {
        "stage": stage,
        "verb": verb,
        "user": {"username": user},
        "objectRef": reference,
        "requestReceivedTimestamp": received,
    }
    return json.dumps(line) + "\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.log"
    path.write_text(
        event("patch", "weldmodels/status", second=1)
        + event("patch", "weldmodels/status", second=3)
        + event("create", "inferenceservices", second=4)
        + event("list", "inferenceservices", second=4)
        + event("watch", "inferenceservices", second=4, stage="ResponseStarted")
        + event("delete", "pods", second=5, user="sandbox-admin")
        + event("update", "leases", second=6)[:-20]
    )
    return path


def test_writes_are_counted_by_verb_and_resource(log: Path) -> None:
    assert audit_writes(log) == {
        Write("patch", "weldmodels/status"): 2,
        Write("create", "inferenceservices"): 1,
        Write("delete", "pods"): 1,
    }


def test_only_one_users_writes_are_counted_when_asked(log: Path) -> None:
    assert audit_writes(log, user="sandbox-admin") == {Write("delete", "pods"): 1}


def test_earlier_writes_are_left_out_when_asked(log: Path) -> None:
    since = datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC)
    assert audit_writes(log, since=since, user=OPERATOR) == {
        Write("patch", "weldmodels/status"): 1,
        Write("create", "inferenceservices"): 1,
    }
