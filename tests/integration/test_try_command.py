"""`weldserve try` scores one reading with a real predictor, and says in a sentence what keeps it from it."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from weld_cli.failures import CommandError
from weld_cli.one_reading import score_one_reading

METADATA = (
    b'{"inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 2]},'
    b' {"name": "sensor_id", "datatype": "BYTES", "shape": [-1]}]}'
)


def test_a_predictor_on_this_machine_scores_one_reading() -> None:
    tried = subprocess.run(
        [sys.executable, "-m", "weld_cli", "try", "predictor"], capture_output=True, text=True, timeout=120, check=False
    )
    assert tried.returncode == 0, tried.stderr
    assert tried.stdout.startswith("The predictor's version 1.0.0 scores one reading: risk ")


def test_a_cluster_that_cannot_be_reached_is_said_in_a_sentence() -> None:
    command = [sys.executable, "-m", "weld_cli", "try", "models", "--service-account-folder=/nowhere"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert tried.returncode == 1
    assert tried.stderr.startswith("weldserve: this cluster gives no way to an API server")
    assert "Traceback" not in tried.stderr


class _Scripted(BaseHTTPRequestHandler):
    """Answers metadata as a predictor does, and inference with what the test says."""

    metadata: bytes = METADATA
    answer: tuple[int, bytes] = (200, b"{}")
    hosts: list[str]
    address: str

    def do_GET(self) -> None:
        self._send(200, self.metadata)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._send(*self.answer)

    def _send(self, status: int, body: bytes) -> None:
        self.hosts.append(self.headers["host"])
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def scripted() -> Iterator[type[_Scripted]]:
    class Handler(_Scripted):
        hosts: list[str] = []  # noqa: RUF012 - the test's own

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield Handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (429, b'{"error": "the queue is full"}', 'answers 429: {"error": "the queue is full"}'),
        (200, b"no JSON", "does not answer as a predictor does"),
        (200, b"[1]", "does not answer as a predictor does"),
        (200, b'{"outputs": []}', "without risk, decision and flags"),
        (
            200,
            b'{"model_version": "1", "outputs": [{"name": "risk", "data": ["high"]}, {"name": "decision", "data": [0]},'
            b' {"name": "flags", "data": [0]}]}',
            "without risk, decision and flags",
        ),
        (
            200,
            b'{"model_version": "1", "outputs": [{"name": "risk", "data": [NaN]}, {"name": "decision", "data": [0]},'
            b' {"name": "flags", "data": [0]}]}',
            "risk nan, expected 0 to 1",
        ),
        (
            200,
            b'{"model_version": "1", "outputs": [{"name": "risk", "data": [7]}, {"name": "decision", "data": [0]},'
            b' {"name": "flags", "data": [0]}]}',
            "risk 7, expected 0 to 1",
        ),
    ],
)
def test_an_answer_that_is_none_is_said_in_a_sentence(
    scripted: type[_Scripted], status: int, body: bytes, sentence: str
) -> None:
    scripted.answer = (status, body)
    with pytest.raises(CommandError) as refused:
        score_one_reading(scripted.address, "north-line", "north-line.plant-a.example")
    assert sentence in str(refused.value)
    assert set(scripted.hosts) == {"north-line.plant-a.example"}


@pytest.mark.parametrize("metadata", [b"{}", b'{"inputs": null}', b'{"inputs": [{"name": "features"}]}'])
def test_a_model_that_does_not_say_what_it_takes_is_said_in_a_sentence(
    scripted: type[_Scripted], metadata: bytes
) -> None:
    scripted.metadata = metadata
    with pytest.raises(CommandError, match="does not say which inputs the model has"):
        score_one_reading(scripted.address, "north-line")


def test_a_proxy_for_the_world_outside_is_not_asked(scripted: type[_Scripted], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    scripted.answer = (
        200,
        b'{"model_version": "2.0.0", "outputs": [{"name": "risk", "data": [0.25]}, {"name": "decision", "data": [0]},'
        b' {"name": "flags", "data": [0]}]}',
    )
    scored = score_one_reading(scripted.address, "north-line")
    assert (scored.version, scored.risk, scored.decision, scored.flags) == ("2.0.0", 0.25, 0, 0)
