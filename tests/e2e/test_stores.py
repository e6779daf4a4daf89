"""Bundles from stores that want credentials: an S3 store and a web server with TLS, read by KServe's own code."""

import asyncio
import io
import ssl
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.sandbox.apply import apply_documents
from tests.sandbox.kube_api import Object
from tests.sandbox.object_store import BUCKET, ObjectStore
from tests.sandbox.rig import Rig
from tests.sandbox.sensor_stream import Readings, SensorStream
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import AppliedWeldModel

Trained = dict[str, tuple[Path, str]]

NAMESPACE = "plant-a"
VERSION = "1.0.0"
URI = f"s3://{BUCKET}/weld/{VERSION}/"
NAMED_WITHIN_SECONDS = 45
TOKEN = "Bearer of-the-plant"


def account(name: str, *secrets: str) -> Object:
    """A ServiceAccount that has been given these Secrets."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata,
        "secrets": [{"name": each} for each in secrets],
    }


@pytest.fixture(scope="module")
async def store(rig: Rig, trained: Trained) -> AsyncIterator[ObjectStore]:
    folder, _ = trained[VERSION]
    async with await ObjectStore.start(rig.folder / "store") as running:
        await asyncio.to_thread(running.put_folder, f"weld/{VERSION}", folder)
        async with rig.api() as api:
            documents = [
                running.secret(NAMESPACE, "store-login"),
                running.secret(NAMESPACE, "store-wrong-login", secret_key="not-the-key"),
                account("store-reader", "store-login"),
                account("store-stranger", "store-wrong-login"),
            ]
            await apply_documents(api, documents)
        yield running


@asynccontextmanager
async def applied(rig: Rig, name: str, digest: str, **model: object) -> AsyncIterator[AppliedWeldModel]:
    made = AppliedWeldModel(rig, NAMESPACE, name)
    await made.apply(VERSION, digest, **model)
    try:
        yield made
    finally:
        await made.delete()


async def names_the_trouble(model: AppliedWeldModel, *words: str) -> None:
    await wait_for(
        lambda: model.condition("Progressing"),
        lambda entry: all(word in entry.get("message", "") for word in words),
        seconds=NAMED_WITHIN_SECONDS,
        what=f"condition that says {', '.join(words)}",
    )


async def test_a_bundle_in_a_store_is_served_with_the_model_s_service_account(
    rig: Rig, store: ObjectStore, trained: Trained, readings: Readings
) -> None:
    _, digest = trained[VERSION]
    async with applied(rig, "stored", digest, uri=URI, serviceAccountName="store-reader") as model:
        await model.until_stable(VERSION)
        stream = SensorStream(rig.endpoint(NAMESPACE, model.name), readings, gateways=5)
        tally = await stream.run(requests_each=2)
        assert tally.answered == tally.sent
        assert store.secret_key not in str(await model.ready_pods()), "the key stays in its Secret"


@pytest.mark.parametrize(
    ("given", "words"),
    [({}, "S3 authentication failed"), ({"serviceAccountName": "store-stranger"}, "403")],
    ids=["without credentials", "with wrong ones"],
)
@pytest.mark.usefixtures("store")
async def test_a_store_that_does_not_let_us_in_is_named(
    rig: Rig, trained: Trained, given: dict[str, str], words: str
) -> None:
    _, digest = trained[VERSION]
    async with applied(rig, "locked-out", digest, uri=URI, **given) as model:
        await names_the_trouble(model, URI, words)


async def test_an_altered_object_is_refused_whatever_the_store_gave(
    rig: Rig, store: ObjectStore, trained: Trained
) -> None:
    folder, digest = trained[VERSION]
    content = bytearray((folder / "estimator.skops").read_bytes())
    content[len(content) // 2] ^= 1
    await asyncio.to_thread(store.put_folder, "altered", folder)
    await asyncio.to_thread(store.put, "altered/estimator.skops", bytes(content))
    uri = f"s3://{BUCKET}/altered/"
    async with applied(rig, "altered", digest, uri=uri, serviceAccountName="store-reader") as model:
        await names_the_trouble(model, "estimator.skops")


@pytest.fixture
async def site(rig: Rig, trained: Trained) -> AsyncIterator[str]:
    """The uri of a packed bundle on a web server with TLS, which wants a header."""
    folder, _ = trained[VERSION]
    packed = await asyncio.to_thread(_packed, folder)

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != TOKEN:
            return web.Response(status=401)
        return web.Response(body=packed, content_type="application/gzip")

    pair = rig.authority.issue("models-site", addresses=("127.0.0.1",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    application = web.Application()
    application.router.add_get("/weld.tar.gz", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}/weld.tar.gz"
    await runner.cleanup()


def _packed(folder: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(folder, arcname=".")
    return packed.getvalue()


async def test_a_packed_bundle_at_a_web_server_is_served_with_its_headers(
    rig: Rig, site: str, trained: Trained
) -> None:
    _, digest = trained[VERSION]
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "site-headers", "namespace": NAMESPACE},
        "stringData": {"https-host": "127.0.0.1", "headers": f'{{"Authorization": "{TOKEN}"}}'},
    }
    async with rig.api() as api:
        await apply_documents(api, [secret, account("site-reader", "site-headers")])
    async with applied(rig, "packed", digest, uri=site) as model:
        await names_the_trouble(model, site, "HTTP authentication failed")
        await model.apply(VERSION, digest, uri=site, serviceAccountName="site-reader")
        await model.until_stable(VERSION)
