"""A detached signature (Ed25519, RFC 8032) over the bytes of a document, so that it may come by any way."""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

HEADER = "Weldserve-Signature"
_FORM = "ed25519="


class UnusableKeyError(Exception):
    """A file is no key of this kind; the text is one sentence that names it."""


class Signer:
    """Signs with the key of a file (PKCS #8, PEM), such as `openssl genpkey -algorithm ed25519` makes."""

    def __init__(self, path: Path) -> None:
        """Raises UnusableKeyError."""
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise UnusableKeyError(f"{path} is no private key in PEM: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise UnusableKeyError(f"{path} is another kind of key, expected Ed25519")
        self._key = key

    def header(self, body: bytes) -> str:
        """The value of the header."""
        return _FORM + base64.b64encode(self._key.sign(body)).decode()


def is_signed(body: bytes, header: str, key: Ed25519PublicKey) -> bool:
    """Whether this is the header of exactly this body, by this key."""
    if not header.startswith(_FORM):
        return False
    try:
        key.verify(base64.b64decode(header.removeprefix(_FORM), validate=True), body)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key(path: Path) -> Ed25519PublicKey:
    """The key of a file (PEM), such as `openssl pkey -pubout` writes. Raises UnusableKeyError."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UnusableKeyError(f"{path} is no public key in PEM: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UnusableKeyError(f"{path} is another kind of key, expected Ed25519")
    return key
