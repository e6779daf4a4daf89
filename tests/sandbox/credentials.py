"""Who may talk to the rig's API server: certificates, keys, tokens and kubeconfigs."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.sandbox.kube_api import KubeApi, path_of

VALID_DAYS = 365
FRONT_PROXY_CLIENT = "front-proxy-client"

SERVED_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority of the rig's own; `certificate` is its PEM file."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _builder(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = _write(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, common_name: str, *, names: tuple[str, ...] = (), addresses: tuple[str, ...] = (), client: bool = False
    ) -> Pair:
        """Make and write a certificate for a server (with its DNS names and IP addresses), or for a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            _builder(subject, self._name, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names or addresses:
            served = [x509.DNSName(name) for name in names]
            reached = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
            builder = builder.add_extension(x509.SubjectAlternativeName([*served, *reached]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Pair(
            _write(self._folder / f"{common_name}.crt", certificate.public_bytes(serialization.Encoding.PEM)),
            _write_key(self._folder / f"{common_name}.key", key),
        )


def service_account_keys(folder: Path) -> Pair:
    """The key pair that signs and checks ServiceAccount tokens; `certificate` is the public key."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Pair(_write(folder / "service-account.pub", public), _write_key(folder / "service-account.key", key))


@dataclass(frozen=True)
class Login:
    """A user of the API server's static token file."""

    user: str
    token: str
    groups: tuple[str, ...] = ()

    @classmethod
    def make(cls, user: str, *groups: str) -> Login:
        return cls(user, secrets.token_urlsafe(24), groups)


def write_token_file(path: Path, logins: list[Login]) -> Path:
    """The file that kube-apiserver's --token-auth-file reads: token, user, uid, groups."""
    lines = [f'{login.token},{login.user},{login.user},"{",".join(login.groups)}"\n' for login in logins]
    return _write(path, "".join(lines).encode())


def write_kubeconfig(path: Path, *, server: str, authority: str, user: str, token: str) -> Path:
    """A kubeconfig with one context; `authority` is the certificate authority as PEM text. Readable by the owner."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "sandbox",
                "cluster": {
                    "server": server,
                    "certificate-authority-data": base64.b64encode(authority.encode()).decode(),
                },
            }
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": user}}],
        "current-context": "sandbox",
    }
    # JSON is YAML too, and leaves no word to be taken for a boolean.
    return _write(path, json.dumps(config, indent=2).encode())


async def service_account_kubeconfig(api: KubeApi, namespace: str, name: str, path: Path, *, hours: float = 24) -> Path:
    """Write a kubeconfig with a real token of an existing ServiceAccount; ApiError when there is none.

    `api` must have been opened from a kubeconfig, whose server and certificate authority are passed on.
    """
    if api.authority is None:
        raise ValueError("the API session was not opened from a kubeconfig with a certificate authority")
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": round(hours * 3600)},
    }
    answer = await api.create(path_of("v1", "serviceaccounts", namespace, name, "token"), request)
    user = f"system:serviceaccount:{namespace}:{name}"
    return write_kubeconfig(
        path, server=api.server, authority=api.authority, user=user, token=answer["status"]["token"]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    return _write(
        path,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ),
    )


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path
