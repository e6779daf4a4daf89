"""An S3 store on loopback that checks signatures: versitygw, with its objects in a folder."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any, Self

import aiohttp
import boto3

from tests.sandbox.kube_api import Object
from tests.sandbox.process import Process, StoppedAtItsEnd, free_port
from tests.sandbox.tools import ensure

REGION = "us-east-1"
ACCESS_KEY = "plant"
BUCKET = "models"


class ObjectStore(StoppedAtItsEnd):
    """A running store with one bucket; make one with `await ObjectStore.start(folder)`, and use it as a context.

    Attributes: `address`, host and port; `secret_key`, which belongs to `ACCESS_KEY`, the only user.
    """

    def __init__(self, folder: Path, program: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.secret_key = secrets.token_urlsafe(24)
        objects, metadata = folder / "objects", folder / "metadata"
        for each in (objects, metadata):
            each.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = [
            *(program, f"--port={self.address}", f"--access={ACCESS_KEY}", f"--secret={self.secret_key}"),
            *(f"--region={REGION}", "--quiet", "posix", f"--sidecar={metadata}", objects),
        ]
        self._process = Process("object-store", command, folder / "object-store.log", folder=folder)

    @classmethod
    async def start(cls, folder: Path) -> Self:
        """Start a store whose files lie in `folder` (absolute). Raises ToolError or ProcessError."""
        program = (await asyncio.to_thread(ensure, ["versitygw"]))["versitygw"]
        store = cls(folder, program)
        store._process.start()
        try:
            await store._process.wait_ready(store._answers)
            await asyncio.to_thread(store._client().create_bucket, Bucket=BUCKET)
        except BaseException:
            await store.stop()
            raise
        return store

    async def stop(self) -> None:
        await self._process.stop()

    def put_folder(self, prefix: str, folder: Path) -> None:
        """Put each file of a folder below `prefix`."""
        for file in folder.rglob("*"):
            if file.is_file():
                self.put(f"{prefix}/{file.relative_to(folder)}", file.read_bytes())

    def put(self, key: str, content: bytes) -> None:
        """Put one object in place of what is there."""
        self._client().put_object(Bucket=BUCKET, Key=key, Body=content)

    def secret(self, namespace: str, name: str, *, secret_key: str | None = None) -> Object:
        """The Secret by which KServe's storage initializer reaches this store; `secret_key` if not the right one."""
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "annotations": {
                    "serving.kserve.io/s3-endpoint": self.address,
                    "serving.kserve.io/s3-usehttps": "0",
                    "serving.kserve.io/s3-region": REGION,
                },
            },
            "stringData": {"awsAccessKeyID": ACCESS_KEY, "awsSecretAccessKey": secret_key or self.secret_key},
        }

    def _client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=f"http://{self.address}",
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=self.secret_key,
        )

    async def _answers(self) -> bool:
        """Whether it speaks HTTP, be it to refuse us."""
        try:
            async with aiohttp.ClientSession() as session, session.get(f"http://{self.address}"):
                return True
        except aiohttp.ClientError:
            return False
