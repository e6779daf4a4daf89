"""What KServe's storage initializer does with the uris that a WeldModel may have: facts on which bundles rely."""

import asyncio
import io
import os
import sys
import tarfile
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from tests.sandbox.object_store import ACCESS_KEY, REGION, ObjectStore
from tests.sandbox.process import free_port

ROOT = Path(__file__).parents[2]


async def initialize(uri: str, folder: Path, **variables: str) -> str:
    """Run it as a container would; what it said last, and empty when it succeeded."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | variables
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.sandbox.storage_initializer", uri, str(folder),
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    return errors.decode().strip().splitlines()[-1] if process.returncode else ""


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Site:
    """A web server on loopback: what it has by path, its content type, and headers without which it answers 401."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.content_type = "application/gzip"
        self.wanted: dict[str, str] = {}
        self.url = ""

    def serve(self, path: str, content: bytes) -> str:
        self.contents[path] = content
        return self.url + path

    async def answer(self, request: web.Request) -> web.Response:
        if any(request.headers.get(name) != value for name, value in self.wanted.items()):
            return web.Response(status=401)
        if request.path not in self.contents:
            return web.Response(status=404)
        return web.Response(body=self.contents[request.path], content_type=self.content_type)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    serving = Site()
    application = web.Application()
    application.router.add_get("/{path:.*}", serving.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    serving.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield serving
    await runner.cleanup()


def tar_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


BUNDLE = {"card.yaml": b"one", "parts/a.bin": b"two"}


@pytest.mark.parametrize(
    ("name", "content_type", "pack"),
    [
        ("weld-2.0.0.tar.gz", "application/gzip", tar_of),
        ("weld-2.0.0.tgz", "application/x-gzip", tar_of),
        ("weld-2.0.0.zip", "application/zip", zip_of),
    ],
)
async def test_an_archive_at_a_web_server_is_unpacked(
    tmp_path: Path, site: Site, name: str, content_type: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    site.content_type = content_type
    uri = site.serve(f"/models/{name}", pack(BUNDLE))
    assert await initialize(uri, tmp_path / "models") == ""
    assert files_below(tmp_path / "models") == BUNDLE


async def test_a_web_server_has_to_say_that_an_archive_is_one(tmp_path: Path, site: Site) -> None:
    site.content_type = "application/octet-stream"
    uri = site.serve("/bundle.tar.gz", tar_of(BUNDLE))
    assert "did not respond with any of following 'Content-Type'" in await initialize(uri, tmp_path)


async def test_a_web_server_gets_the_headers_of_its_host(tmp_path: Path, site: Site) -> None:
    uri = site.serve("/bundle.tar.gz", tar_of(BUNDLE))
    site.wanted = {"X-Plant": "south"}
    assert "HTTP authentication failed" in await initialize(uri, tmp_path)
    assert await initialize(uri, tmp_path / "models", **{"127.0.0.1-headers": '{"X-Plant": "south"}'}) == ""
    assert files_below(tmp_path / "models") == BUNDLE


async def test_the_last_line_says_what_went_wrong(tmp_path: Path, site: Site) -> None:
    site.serve("/there", b"")
    assert "not found" in await initialize(f"{site.url}/absent.tar.gz", tmp_path)
    assert "Failed to connect" in await initialize(f"http://127.0.0.1:{free_port()}/bundle.tar.gz", tmp_path)


@pytest.fixture(scope="module")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ObjectStore]:
    folder = tmp_path_factory.mktemp("store")
    bundle = folder / "bundle"
    for name, content in BUNDLE.items():
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_bytes(content)
    async with await ObjectStore.start(folder / "store") as running:
        await asyncio.to_thread(running.put_folder, "weld/2.0.0", bundle)
        await asyncio.to_thread(running.put, "weld/2.0.0-rc/card.yaml", b"of another version")
        yield running


def login(store: ObjectStore, **replaced: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://{store.address}",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
        **replaced,
    }


async def test_the_objects_below_a_prefix_are_brought_with_a_signature(tmp_path: Path, store: ObjectStore) -> None:
    assert await initialize("s3://models/weld/2.0.0/", tmp_path / "models", **login(store)) == ""
    assert files_below(tmp_path / "models") == BUNDLE


async def test_without_a_slash_at_its_end_a_prefix_brings_more_than_its_folder(
    tmp_path: Path, store: ObjectStore
) -> None:
    """So KServe 0.21 does; the predictor refuses such a folder, as it is not the bundle that was asked for."""
    assert await initialize("s3://models/weld/2.0.0", tmp_path / "models", **login(store)) == ""
    assert set(files_below(tmp_path / "models")) == {*BUNDLE, "-rc/card.yaml"}


async def test_the_store_refuses_a_wrong_key(tmp_path: Path, store: ObjectStore) -> None:
    said = await initialize("s3://models/weld/2.0.0/", tmp_path, **login(store, AWS_SECRET_ACCESS_KEY="wrong"))
    assert "403" in said


async def test_a_missing_login_is_named(tmp_path: Path, store: ObjectStore) -> None:
    nobody = {"AWS_ENDPOINT_URL": f"http://{store.address}", "AWS_EC2_METADATA_DISABLED": "true"}
    assert "S3 authentication failed" in await initialize("s3://models/weld/2.0.0/", tmp_path, **nobody)
