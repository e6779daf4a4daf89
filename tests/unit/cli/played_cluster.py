"""An API server that knows one WeldModel, with an operator behind it that carries out what people tell it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from weld_api.action import ACTION_ANNOTATION, RolloutAction
from weld_api.rollout_status import Evidence, RolloutStatus
from weld_api.status import BundleReference, WeldModelStatus
from weld_operator.domain.rollout.acts import with_act
from weld_operator.domain.rollout.trial import Happening, Memory, Sight

EXAMPLE = Path(__file__).parents[3] / "manifests" / "examples" / "rollout.yaml"
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)
STABLE = BundleReference(version="1.0.0", digest="a" * 64)
ASKED = BundleReference(version="1.1.0", digest="0" * 64)


def trial(**changes: Any) -> RolloutStatus:
    """Of the example's bundle: at step 2 of 3 for 20 minutes."""
    passes = Evidence(
        gate="errors",
        verdict="Pass",
        reason="WithinLimit",
        message="0 % of 20,000 requests failed (0 to 0.04 %); expected at most 0.1 %",
        value=0.0,
        lower=0.0,
        upper=0.0004,
        samples=20_000,
        window_seconds=1200.0,
        age_seconds=5.0,
        since=BEGAN,
    )
    lacks = Evidence(
        gate="agreement",
        verdict="InsufficientEvidence",
        reason="BelowFloor",
        message="4,000 readings are counted, and 10,000 must be before it is judged",
        value=0.0125,
        lower=0.01,
        upper=0.03,
        samples=4_000,
        window_seconds=1200.0,
        age_seconds=5.0,
        since=BEGAN,
    )
    fields: dict[str, Any] = {
        "phase": "Canary",
        "digest": ASKED.digest,
        "version": ASKED.version,
        "step": 2,
        "steps": 3,
        "weight": 25,
        "started": BEGAN - timedelta(hours=30),
        "since": BEGAN,
        "measured_from": BEGAN,
        "looked_at": BEGAN + timedelta(minutes=19),
        "reason": "Holding",
        "message": "It waits for its time to be over",
        "evidence": (passes, lacks),
    }
    return RolloutStatus(**{**fields, **changes})


class PlayedCluster:
    """What the API server keeps, who asks it, and what was asked of it.

    `takes_up`: whether there is an operator. `moves_on`: what the trial becomes just before the operator takes up an
    act. `refused`: paths that are forbidden.
    """

    def __init__(self, rollout: RolloutStatus | None, stable: BundleReference | None = STABLE) -> None:
        self.model: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
        self.model["metadata"] |= {"uid": "of-the-api-server", "generation": 1, "resourceVersion": "1"}
        self.status = WeldModelStatus(observed_generation=1, stable=stable, candidate=ASKED, rollout=rollout)
        self.user = "ada@plant.example"
        self.events: list[dict[str, Any]] = []
        self.patches: list[tuple[str, str, dict[str, Any]]] = []
        self.takes_up = True
        self.moves_on: RolloutStatus | None = None
        self.forbidden: set[str] = set()

    @property
    def path(self) -> str:
        about = self.model["metadata"]
        return f"/apis/weldserve.io/v1alpha1/namespaces/{about['namespace']}/weldmodels/{about['name']}"

    def answer(self, method: str, url: str, content_type: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        asked = urlsplit(url)
        if asked.path in self.forbidden:
            return 403, {"kind": "Status", "message": f"{self.user} may not do that", "details": {"name": "x"}}
        match method, asked.path:
            case "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews":
                return 201, {"status": {"userInfo": {"username": self.user}}}
            case "GET", path if path == self.path:
                return 200, self._body()
            case "PATCH", path if path == self.path:
                self.patches.append((content_type, parse_qs(asked.query)["fieldManager"][0], body))
                self._take_up(body)
                return 200, self._body()
            case "GET", "/api/v1/namespaces/plant-a/events":
                return 200, {"items": self.events}
            case _:
                message = f"{asked.path.rpartition('/')[2]!r} not found"
                return 404, {"kind": "Status", "message": message, "details": {"name": "x"}}

    def tell(self, reason: str, message: str) -> None:
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.events.append({"reason": reason, "message": message, "lastTimestamp": moment})

    def _body(self) -> dict[str, Any]:
        return {**self.model, "status": self.status.model_dump(mode="json", exclude_none=True)}

    def _take_up(self, patch: dict[str, Any]) -> None:
        action = RolloutAction.model_validate_json(patch["metadata"]["annotations"][ACTION_ANNOTATION])
        if not self.takes_up:
            return
        status = self.status
        rollout = self.moves_on or status.rollout
        memory = Memory(rollout, status.rejected, status.history, status.last_action)
        sight = Sight(asked=ASKED, stable=STABLE, action=action)
        memory, told = with_act(memory, sight, datetime.now(UTC))
        self._tell(told)
        self.status = status.model_copy(
            update={
                "rollout": memory.rollout,
                "rejected": memory.rejected,
                "history": memory.history,
                "last_action": memory.last_action,
            }
        )

    def _tell(self, told: tuple[Happening, ...]) -> None:
        for each in told:
            self.tell(each.reason, each.message)


@contextmanager
def served(cluster: PlayedCluster, folder: Path, namespace: str | None = "plant-a") -> Iterator[Path]:
    """Serve it on a free port; gives a kubeconfig."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            body = json.loads(content) if content else {}
            status, answer = cluster.answer(self.command, self.path, self.headers.get("content-type", ""), body)
            encoded = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = do_PATCH = _do  # noqa: N815 - the names are http.server's

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kubeconfig(folder / "kubeconfig", f"http://127.0.0.1:{server.server_port}", namespace)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def kubeconfig(file: Path, server: str, namespace: str | None) -> Path:
    """With two contexts: `played`, the current one, and `elsewhere`, where nobody listens."""
    context = {"cluster": "played", "user": "person", **({} if namespace is None else {"namespace": namespace})}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "played",
        "clusters": [
            {"name": "played", "cluster": {"server": server}},
            {"name": "elsewhere", "cluster": {"server": "http://127.0.0.1:9"}},
        ],
        "users": [{"name": "person", "user": {"token": "of-a-person"}}],
        "contexts": [
            {"name": "played", "context": context},
            {"name": "elsewhere", "context": {**context, "cluster": "elsewhere"}},
        ],
    }
    file.write_text(yaml.safe_dump(document))
    return file
