"""Asking a container's probes, and running its preStop hook."""

from __future__ import annotations

import asyncio

import aiohttp

from tests.sandbox.kube_api import Object
from tests.sandbox.node.container_process import run_beside
from tests.sandbox.node.plan import Plan
from tests.sandbox.node.ports import port_number


class Prober:
    """Asks probes over one HTTP session; close it."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0, ssl=False),
            headers={"User-Agent": "kube-probe/stand-in", "Accept": "*/*"},
        )

    async def close(self) -> None:
        await self._session.close()

    async def ask(self, action: Object, container: Object, plan: Plan, timeout_seconds: float) -> bool:
        """Whether the httpGet, tcpSocket or exec action succeeds in time."""
        if "exec" in action:
            return await run_beside(plan, action["exec"]["command"], timeout_seconds)
        try:
            async with asyncio.timeout(timeout_seconds):
                if "httpGet" in action:
                    return await self._http(action["httpGet"], container, plan)
                return await _connects(action["tcpSocket"], container, plan)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    async def pre_stop(self, container: Object, plan: Plan, grace_seconds: float) -> None:
        """Run the container's preStop hook, if it has one, for at most the grace."""
        hook = container.get("lifecycle", {}).get("preStop")
        if hook is None:
            return
        if "sleep" in hook:
            await asyncio.sleep(min(hook["sleep"]["seconds"], grace_seconds))
        else:
            await self.ask(hook, container, plan, grace_seconds)

    async def _http(self, action: Object, container: Object, plan: Plan) -> bool:
        host = action.get("host") or plan.substitution.address
        port = port_number(action["port"], container)
        path = "/" + action.get("path", "/").lstrip("/")
        headers = {header["name"]: header["value"] for header in action.get("httpHeaders", [])}
        url = f"{action.get('scheme', 'HTTP').lower()}://{host}:{port}{path}"
        async with self._session.get(url, headers=headers, allow_redirects=False) as response:
            return 200 <= response.status < 400


async def _connects(action: Object, container: Object, plan: Plan) -> bool:
    host = action.get("host") or plan.substitution.address
    _, writer = await asyncio.open_connection(host, port_number(action["port"], container))
    writer.close()
    return True
