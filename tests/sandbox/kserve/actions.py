"""What the stand-in for KServe writes: a plan carried out, and nothing that is as it should be already."""

from __future__ import annotations

from tests.sandbox.kserve import names
from tests.sandbox.kserve.comparison import fulfils
from tests.sandbox.kserve.plan import Observed, Plan
from tests.sandbox.kube_api import ApiError, KubeApi, Object, path_of

MANAGER = "kserve-stand-in"


class Actions:
    """Writes by server-side apply, so that what a plan no longer says goes away with the next write."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._written: dict[tuple[str, str, str], Object] = {}

    async def hold(self, service: Object) -> Object:
        """Put the finalizer on, as KServe does: by a merge patch, which replaces the list as it was known."""
        finalizers = service["metadata"].get("finalizers") or []
        if names.FINALIZER in finalizers:
            return service
        return await self._patch_finalizers(service, [*finalizers, names.FINALIZER])

    async def release(self, service: Object) -> None:
        """Take the finalizer off, in the same way."""
        finalizers = service["metadata"].get("finalizers") or []
        if names.FINALIZER in finalizers:
            await self._patch_finalizers(service, [name for name in finalizers if name != names.FINALIZER])

    async def carry_out(self, decided: Plan, service: Object, observed: Observed) -> None:
        """Write objects, delete others, and write the status last."""
        for desired in decided.write:
            await self._write(desired, observed)
        for kind, name in decided.delete:
            await self._delete(kind, str(service["metadata"]["namespace"]), name)
        if decided.status is not None and decided.status != service.get("status"):
            await self._write_status(service, decided.status)

    async def _patch_finalizers(self, service: Object, finalizers: list[str]) -> Object:
        return await self._api.patch(_path(service), {"metadata": {"finalizers": finalizers}})

    async def _write(self, desired: Object, observed: Observed) -> None:
        kind, metadata = desired["kind"], desired["metadata"]
        identity = (kind, str(metadata["namespace"]), str(metadata["name"]))
        actual = observed.of_kind(kind).get(metadata["name"])
        if actual is not None and self._written.get(identity) == desired and fulfils(actual, desired):
            return
        path = path_of(*names.KINDS[kind], metadata["namespace"], metadata["name"])
        await self._api.apply(path, desired, manager=MANAGER)
        self._written[identity] = desired

    async def _delete(self, kind: str, namespace: str, name: str) -> None:
        try:
            await self._api.delete(path_of(*names.KINDS[kind], namespace, name))
        except ApiError as error:
            if error.status != 404:
                raise

    async def _write_status(self, service: Object, status: Object) -> None:
        body = {"apiVersion": names.API_VERSION, "kind": names.KIND, **service, "status": status}
        try:
            await self._api.replace(_path(service, "status"), body)
        except ApiError as error:
            # Somebody was quicker; what they changed comes by the watch, and with it the next attempt.
            if error.status != 409:
                raise


def _path(service: Object, subresource: str | None = None) -> str:
    metadata = service["metadata"]
    return path_of(names.API_VERSION, "inferenceservices", metadata["namespace"], metadata["name"], subresource)
