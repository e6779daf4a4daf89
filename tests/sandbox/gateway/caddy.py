"""Caddy as a child process, and its administration over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import aiohttp

from tests.sandbox.kube_api import Object
from tests.sandbox.process import die_with

START_SECONDS = 30.0
START_PAUSE_SECONDS = 0.05
STOP_SECONDS = 10.0
LOAD_SECONDS = 20.0


class CaddyError(Exception):
    """Caddy did not start, or has ended by itself."""


class ConfigRefusedError(Exception):
    """Caddy does not take a configuration, and goes on with the one before; the text is what it says."""


class Caddy:
    """A running Caddy; make one with `start`, and stop it."""

    def __init__(self, child: asyncio.subprocess.Process, admin: str) -> None:
        self._child = child
        self._url = f"http://{admin}"
        self._session = aiohttp.ClientSession(
            # Each configuration brings a new administration server, which does not know the old one's connections.
            connector=aiohttp.TCPConnector(force_close=True),
            timeout=aiohttp.ClientTimeout(total=LOAD_SECONDS),
        )

    @classmethod
    async def start(cls, program: Path, config: Object, folder: Path, client_socket: int) -> Caddy:
        """Start Caddy with a first configuration, and wait until its administration answers; raises CaddyError.

        Its files and its log are in `folder`, which exists; both paths are absolute. It inherits the descriptor
        `client_socket`, and dies with this process.
        """
        file = folder / "first-config.json"
        file.write_text(json.dumps(config))
        with (folder / "caddy.log").open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                program,
                "run",
                "--config",
                file,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env={"HOME": str(folder), "PATH": os.defpath},
                cwd=folder,
                start_new_session=True,
                pass_fds=(client_socket,),
                preexec_fn=die_with(os.getpid()),
            )
        caddy = cls(child, config["admin"]["listen"])
        try:
            async with asyncio.timeout(START_SECONDS):
                await caddy._answers()
        except (CaddyError, TimeoutError) as error:
            await caddy.stop()
            raise CaddyError(f"Caddy did not start; see {folder / 'caddy.log'}") from error
        return caddy

    async def load(self, config: Object) -> None:
        """Replace the configuration; requests in progress go on. Raises ConfigRefusedError or aiohttp.ClientError."""
        async with self._session.post(f"{self._url}/load", json=config) as response:
            if response.status != 200:
                raise ConfigRefusedError((await response.text()).strip())

    async def ended(self) -> None:
        """Wait until Caddy ends by itself, which raises CaddyError."""
        code = await self._child.wait()
        raise CaddyError(f"Caddy ended with code {code}")

    async def stop(self) -> None:
        """Let Caddy finish its requests for some seconds and end."""
        await self._session.close()
        if self._child.returncode is not None:
            return
        self._child.terminate()
        try:
            await asyncio.wait_for(self._child.wait(), STOP_SECONDS)
        except TimeoutError:
            self._child.kill()
            await self._child.wait()

    async def _answers(self) -> None:
        while True:
            if self._child.returncode is not None:
                raise CaddyError(f"Caddy ended with code {self._child.returncode}")
            try:
                async with self._session.get(f"{self._url}/config/") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(START_PAUSE_SECONDS)
