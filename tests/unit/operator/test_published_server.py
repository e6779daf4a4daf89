"""What sensors' gateways and other installations are answered, over a real connection."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from tests.unit.operator.clocks import HandClock
from tests.unit.operator.cluster_objects import NOW, weld_model
from tests.unit.operator.played_regions import PlayedRegions, spec_in_regions
from weld_operator.adapters.cluster import UnreachableError
from weld_operator.adapters.published_documents import PublishedDocuments
from weld_operator.adapters.published_server import Certificate, PublishedServer
from weld_operator.adapters.signature import HEADER, Signer, UnusableKeyError, is_signed, public_key
from weld_operator.kinds import Key, Object


class Site:
    """One WeldModel in three regions, and a count of how often it was read."""

    def __init__(self) -> None:
        self.play = PlayedRegions(spec_in_regions("a"))
        self.play.run(4)
        self.clock = HandClock()
        self.reads = 0
        self.is_down = False

    async def read(self, key: Key) -> Object | None:
        self.reads += 1
        if self.is_down:
            raise UnreachableError("connection refused")
        if key != Key("plant-a", "north-line"):
            return None
        status = self.play.status.model_dump(mode="json", exclude_none=True)
        body = weld_model(self.play.spec.model_dump(mode="json", exclude_none=True), status)
        body["metadata"]["resourceVersion"] = "1"
        return body


@pytest.fixture
def site() -> Site:
    return Site()


@asynccontextmanager
async def serving(site: Site, **options: Any) -> AsyncIterator[str]:
    documents = PublishedDocuments(site.read, site.clock, "BR")
    server = PublishedServer("127.0.0.1", 0, documents, **options)
    await server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop()


async def get(url: str, **options: Any) -> tuple[int, Mapping[str, str], bytes]:
    async with aiohttp.ClientSession() as session, session.get(url, **options) as response:
        return response.status, response.headers, await response.read()


def key_file(folder: Path) -> tuple[Path, Path]:
    """A private key, and its public one."""
    key = ed25519.Ed25519PrivateKey.generate()
    private, public = folder / "signing.key", folder / "signing.pub"
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


async def test_endpoints_are_given_once_and_then_by_their_tag(site: Site) -> None:
    async with serving(site) as address:
        status, headers, body = await get(f"http://{address}/endpoints/plant-a/north-line")
        assert status == 200
        assert headers["Cache-Control"] == "public, max-age=5, stale-if-error=3600"
        assert b'"version"' in body
        tag = {"If-None-Match": f'"other", W/{headers["ETag"]}'}
        assert (await get(f"http://{address}/endpoints/plant-a/north-line", headers=tag))[0] == 304
        assert site.reads == 1, "a WeldModel is read once a second at the most"
        site.play.regions["north"].lost = True
        site.play.settle()
        site.play.run(4)
        site.clock.advance(2)
        status, after, _ = await get(f"http://{address}/endpoints/plant-a/north-line", headers=tag)
        assert status == 200
        assert after["ETag"] != headers["ETag"]


async def test_the_last_endpoints_are_given_while_the_api_server_is_away(site: Site) -> None:
    async with serving(site) as address:
        before = await get(f"http://{address}/endpoints/plant-a/north-line")
        site.is_down = True
        site.clock.advance(3600)
        assert (await get(f"http://{address}/endpoints/plant-a/north-line"))[2] == before[2]
        assert (await get(f"http://{address}/endpoints/plant-a/other"))[0] == 503


async def test_what_serves_is_told_with_the_time(site: Site) -> None:
    async with serving(site) as address:
        status, headers, body = await get(f"http://{address}/status/plant-a/north-line")
        assert (status, headers["Cache-Control"]) == (200, "no-cache")
        assert b'"country": "BR"' in body
        assert f'"at": "{NOW:%Y-%m-%dT%H:%M:%SZ}"'.encode() in body


@pytest.mark.parametrize(
    "path", ["/endpoints/plant-a/other", "/endpoints/plant-b/north-line", "/endpoints/plant-a", "/", "/status/a/b/c"]
)
async def test_there_is_nothing_else(site: Site, path: str) -> None:
    async with serving(site, namespaces=("plant-a",)) as address:
        assert (await get(f"http://{address}{path}"))[0] == 404


async def test_nothing_is_changed_by_asking(site: Site) -> None:
    async with (
        serving(site) as address,
        aiohttp.ClientSession() as session,
        session.post(f"http://{address}/endpoints/plant-a/north-line", data=b"x") as response,
    ):
        assert response.status == 405


async def test_many_who_ask_at_once_are_one_read(site: Site) -> None:
    async with serving(site) as address:
        answers = await asyncio.gather(*(get(f"http://{address}/endpoints/plant-a/north-line") for _ in range(20)))
        assert {answer[2] for answer in answers} == {answers[0][2]}
        assert site.reads == 1


async def test_a_signature_is_that_of_exactly_this_body(site: Site, tmp_path: Path) -> None:
    private, public = key_file(tmp_path)
    async with serving(site, signer=Signer(private)) as address:
        _, headers, body = await get(f"http://{address}/endpoints/plant-a/north-line")
    key = public_key(public)
    assert is_signed(body, headers[HEADER], key)
    assert not is_signed(body + b" ", headers[HEADER], key)
    assert not is_signed(body, headers[HEADER].replace("ed25519=", "rsa="), key)
    assert not is_signed(body, "ed25519=not base64", key)
    _, other = key_file(tmp_path)
    assert not is_signed(body, headers[HEADER], public_key(other))


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "no.key").write_text("no key")
    with pytest.raises(UnusableKeyError, match=r"no\.key is no private key"):
        Signer(tmp_path / "no.key")
    with pytest.raises(UnusableKeyError, match=r"no\.key is no public key"):
        public_key(tmp_path / "no.key")
    curve = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "other.key").write_bytes(
        curve.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with pytest.raises(UnusableKeyError, match="expected Ed25519"):
        Signer(tmp_path / "other.key")


async def test_over_tls_a_renewed_certificate_is_shown_without_a_restart(site: Site, tmp_path: Path) -> None:
    certificate = Certificate(tmp_path / "tls.crt", tmp_path / "tls.key")
    first = _write_certificate(certificate)
    async with serving(site, certificate=certificate) as address:
        url = f"https://{address}/endpoints/plant-a/north-line"
        assert (await get(url, ssl=_trusting(first)))[0] == 200
        second = _write_certificate(certificate)
        assert (await get(url, ssl=_trusting(first)))[0] == 200, "the one connection that finds it renewed"
        assert (await get(url, ssl=_trusting(second)))[0] == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await get(url, ssl=_trusting(first))


def _trusting(certificate: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=certificate)


def _write_certificate(where: Certificate) -> str:
    """One for 127.0.0.1 that nobody else has signed; gives it as text."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    where.chain.write_bytes(made.public_bytes(pem))
    where.key.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return made.public_bytes(pem).decode()


async def test_names_that_nobody_can_tell_about_leave_nothing_behind(site: Site) -> None:
    site.is_down = True
    documents = PublishedDocuments(site.read, site.clock, "BR")
    for number in range(3):
        with pytest.raises(UnreachableError):
            await documents.endpoints(Key("plant-a", f"unknown-{number}"))
    assert documents._turns == {}
