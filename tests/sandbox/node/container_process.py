"""One run of a container as a process group, and commands run beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from typing import Self

from tests.sandbox.node.plan import Plan
from tests.sandbox.process import die_with


class ContainerProcess:
    """A started container; its end is noticed by `wait`. If the node dies, the kernel kills it with SIGKILL."""

    def __init__(self, child: asyncio.subprocess.Process, log_start: int) -> None:
        self._child = child
        self.pid = child.pid
        self.log_start = log_start  # where this run's part of the log begins, in bytes

    @classmethod
    async def start(cls, plan: Plan) -> Self:
        """Start it, its output going to its log; OSError when its program cannot be run."""
        plan.termination_file.write_bytes(b"")
        with plan.log.open("ab") as log:
            log_start = log.seek(0, os.SEEK_END)
            child = await asyncio.create_subprocess_exec(
                *plan.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env=plan.environment,
                cwd=plan.folder,
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),
            )
        return cls(child, log_start)

    async def wait(self) -> int:
        """Wait for its end; the exit code as a container has it: 128 + n after signal n."""
        code = await self._child.wait()
        # A container ends with its first process: none of the others may stay.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return 128 - code if code < 0 else code

    async def end(self, grace_seconds: float) -> None:
        """SIGTERM to its first process, and after the grace SIGKILL to all of them; returns when it has ended."""
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._child.wait(), grace_seconds)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._child.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)


async def run_beside(plan: Plan, command: Sequence[str], timeout_seconds: float) -> bool:
    """Run a command as `kubectl exec` would, and say whether it ended in time with code 0."""
    try:
        child = await asyncio.create_subprocess_exec(
            *plan.substitution.command(command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=plan.environment,
            cwd=plan.folder,
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )
    except OSError:
        return False
    try:
        return await asyncio.wait_for(child.wait(), timeout_seconds) == 0
    except TimeoutError:
        return False
    finally:
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
