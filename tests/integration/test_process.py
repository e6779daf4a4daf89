"""Child processes of the rig."""

import asyncio
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.sandbox.process import Process, ProcessError, free_port
from tests.sandbox.waiting import wait_for

ROOT = Path(__file__).parents[2]


async def never() -> bool:
    return False


def shell(script: str, log: Path) -> Process:
    return Process("part", ["/bin/sh", "-c", script], log / "part.log")


async def test_a_process_that_ends_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    part = shell("echo the disk is full; exit 4", tmp_path)
    part.start()
    with pytest.raises(ProcessError, match=r"^part ended with code 4; its log ends:\nthe disk is full$"):
        await part.wait_ready(never)


async def test_a_process_that_is_never_ready_is_reported(tmp_path: Path) -> None:
    part = shell("sleep 60", tmp_path)
    part.start()
    with pytest.raises(ProcessError, match=r"^part was not ready after 0\.2 s"):
        await part.wait_ready(never, seconds=0.2)
    await part.kill()
    assert not part.running


def test_a_program_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match=r"^part cannot be run: .*no-such-program"):
        Process("part", [tmp_path / "no-such-program"], tmp_path / "part.log").start()


async def test_a_process_ends_in_order_when_it_is_stopped(tmp_path: Path) -> None:
    part = shell('trap "exit 7" TERM; echo up; while :; do sleep 0.05; done', tmp_path)
    part.start()
    await wait_for_line(part, "up")
    assert await part.stop() == 7


async def test_a_process_that_ignores_the_request_to_end_is_killed_with_its_children(tmp_path: Path) -> None:
    part = shell('trap "" TERM; sleep 60 & echo $!; wait; wait', tmp_path)
    part.start()
    child = int(await wait_for_line(part, ""))
    assert await part.stop(grace_seconds=0.2) == -signal.SIGKILL
    await wait_for_end(child)


async def test_a_process_can_be_started_again(tmp_path: Path) -> None:
    part = shell("echo $$; exec sleep 60", tmp_path)
    pids = []
    for _ in range(2):
        part.start()
        pids.append(part.pid)
        await wait_for_line(part, str(part.pid))
        await part.stop()
    assert part.log.read_text().split() == [str(pid) for pid in pids]


async def test_a_process_dies_with_the_rig(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib; from tests.sandbox.process import Process;"
        "part = Process('part', ['sleep', '60'], pathlib.Path(sys.argv[1]));"
        "part.start(); print(part.pid, flush=True); time.sleep(60)"
    )
    rig = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, tmp_path / "part.log", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert rig.stdout is not None
    child = int(await rig.stdout.readline())
    rig.kill()
    await rig.wait()
    await wait_for_end(child)


def test_free_ports_differ_and_can_be_listened_on() -> None:
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == 20
    with socket.socket() as server:
        server.bind(("127.0.0.1", ports[0]))


async def wait_for_line(part: Process, line: str) -> str:
    """Wait until the log's last line is `line` (any, when empty), and return it."""

    async def last() -> str:
        return part.last_lines().rpartition("\n")[2]

    return await wait_for(last, lambda seen: seen == line if line else bool(seen), seconds=20, what="line in the log")


async def wait_for_end(pid: int) -> None:
    async def running() -> bool:
        return is_running(pid)

    await wait_for(running, lambda seen: not seen, seconds=20, what=f"end of process {pid}")


def is_running(pid: int) -> bool:
    try:
        # What has ended and waits for its new parent to notice has no memory any more.
        return "VmRSS" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
