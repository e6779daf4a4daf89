"""What the stand-in for metrics-server reads from a process table, and what it says of Pods."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.sandbox.kube_api import Object
from tests.sandbox.resource_metrics.api import pod_metrics_list
from tests.sandbox.resource_metrics.process_table import PAGE_BYTES, TICKS_PER_SECOND, Usage, sessions
from tests.sandbox.resource_metrics.rates import WINDOW, Rates

START = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)


def _stat(folder: Path, pid: int, session: int, *, name: str = "python3", ticks: int = 0, pages: int = 0) -> None:
    (folder / str(pid)).mkdir()
    fields = ["S", "1", str(session), str(session), *["0"] * 7, str(ticks), "0", "0", "0", *["0"] * 6, str(pages)]
    (folder / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(fields)} 0 0\n")


def test_a_container_is_all_processes_of_its_session(tmp_path: Path) -> None:
    _stat(tmp_path, 10, 10, ticks=2 * TICKS_PER_SECOND, pages=3)
    _stat(tmp_path, 11, 10, name="a) (b c", ticks=TICKS_PER_SECOND, pages=4)
    _stat(tmp_path, 20, 20, ticks=5 * TICKS_PER_SECOND)
    (tmp_path / "version").touch()
    (tmp_path / "30").mkdir()  # it ended while the table was read
    assert sessions(tmp_path) == {10: Usage(3.0, 7 * PAGE_BYTES), 20: Usage(5.0, 0)}


def test_the_table_of_this_machine_has_this_process() -> None:
    here = sessions()[os.getsid(0)]
    assert here.cpu_seconds > 0
    assert here.memory_bytes > PAGE_BYTES


def _rates(*seconds_of_cpu: float) -> Rates:
    """Of session 7, sampled each second."""
    rates = Rates()
    for number, used in enumerate(seconds_of_cpu):
        rates.add(START + timedelta(seconds=number), {7: Usage(used, 4096)})
    return rates


def test_a_rate_is_the_mean_over_the_last_window() -> None:
    rate = _rates(100, 100, 100.5, 101, 101.5).of(7)
    assert rate is not None
    assert rate.cores == pytest.approx(0.5)
    assert rate.window == WINDOW
    assert rate.at == START + timedelta(seconds=4)


def test_a_rate_is_not_known_before_a_window_is_over_nor_after_the_end() -> None:
    assert Rates().of(7) is None
    assert _rates(1, 2, 3).of(7) is None
    rates = _rates(1, 2, 3, 4)
    assert rates.of(7) is not None
    assert rates.of(8) is None
    rates.add(START + timedelta(seconds=4), {})
    assert rates.of(7) is None


def test_a_count_that_falls_is_no_negative_load() -> None:
    rate = _rates(10, 9, 8, 7).of(7)
    assert rate is not None
    assert rate.cores == 0


def _pod(name: str, *processes: int | None) -> Object:
    """A Pod with a container for each process; None for one that does not run."""
    statuses = [
        {"name": f"c{number}", "state": {"waiting": {}}}
        if process is None
        else {"name": f"c{number}", "state": {"running": {}}, "containerID": f"process://{process}-1800000000"}
        for number, process in enumerate(processes)
    ]
    return {
        "metadata": {"name": name, "namespace": "plant-a", "labels": {"app": name}},
        "status": {"containerStatuses": statuses},
    }


def test_pods_are_told_of_as_metrics_server_tells_of_them() -> None:
    pods = [_pod("measured", 7), _pod("new", 8), _pod("waiting", None), _pod("half-new", 7, 8), {"metadata": {}}]
    answer = pod_metrics_list(pods, _rates(0, 0.25, 0.5, 0.75))
    assert answer["kind"] == "PodMetricsList"
    (item,) = answer["items"]
    assert item == {
        "kind": "PodMetrics",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {"name": "measured", "namespace": "plant-a", "labels": {"app": "measured"}},
        "timestamp": "2026-11-26T12:00:03Z",
        "window": "3.000s",
        "containers": [{"name": "c0", "usage": {"cpu": "250000000n", "memory": "4Ki"}}],
    }
