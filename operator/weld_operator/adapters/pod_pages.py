"""The pages of metrics that a revision's Pods show."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import aiohttp

from weld_operator.adapters.bounded_body import TooLongError, read_bounded
from weld_operator.kinds import Object

POD_SECONDS = 3.0
"""For one Pod; the others do not wait for it."""
AT_ONCE = 100
LONGEST_PAGE = 2 * 2**20
"""Bytes."""

_PORT_NAME = "http1"
_PORT = 8080
_TEXT_FORMAT = {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Silence:
    """A Pod showed no page; `why` is a clause."""

    why: str


@dataclass(frozen=True)
class Target:
    """A Pod that runs, and where it shows its metrics. `is_ready`: whether requests go to it."""

    uid: str
    name: str
    address: str
    is_ready: bool


def targets(pods: Iterable[Object]) -> tuple[Target, ...]:
    """Those of the Pods that run and have an address."""
    return tuple(_target(pod) for pod in pods if _runs(pod))


def _runs(pod: Object) -> bool:
    status = pod.get("status", {})
    return status.get("phase") == "Running" and bool(status.get("podIP"))


def _target(pod: Object) -> Target:
    about, status = pod["metadata"], pod["status"]
    host = f"[{status['podIP']}]" if ":" in status["podIP"] else status["podIP"]
    conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
    return Target(about["uid"], about["name"], f"http://{host}:{_port(pod)}/metrics", conditions.get("Ready") == "True")


def _port(pod: Object) -> int:
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", ())]
    return next((int(port["containerPort"]) for port in ports if port.get("name") == _PORT_NAME), _PORT)


class PodPages:
    """Fetches pages, at most AT_ONCE at a time."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(self, pods: Sequence[Target]) -> Mapping[str, str | Silence]:
        """What each Pod shows, by its uid."""
        pages = await asyncio.gather(*map(self._page, pods))
        return {pod.uid: page for pod, page in zip(pods, pages, strict=True)}

    async def _page(self, pod: Target) -> str | Silence:
        try:
            async with self._turn, self._get(pod.address) as response:
                if response.status != 200:
                    return Silence(f"it answers with {response.status}")
                return (await read_bounded(response, LONGEST_PAGE)).decode()
        except TimeoutError:
            return Silence(f"no answer within {POD_SECONDS:g} s")
        except UnicodeDecodeError:
            return Silence("its answer is not UTF-8")
        except (TooLongError, aiohttp.ClientError, OSError) as error:
            return Silence(str(error) or type(error).__name__)

    def _get(self, address: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._connected().get(address, headers=_TEXT_FORMAT, allow_redirects=False)

    def _connected(self) -> aiohttp.ClientSession:
        """Made at the first request, as it belongs to an event loop. Connections are not kept: looks are far apart."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                timeout=aiohttp.ClientTimeout(total=POD_SECONDS),
            )
        return self._session
