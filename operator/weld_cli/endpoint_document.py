"""Fetches an endpoint document, checks who signed it, and puts it in words."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weld_cli.failures import CommandError
from weld_cli.rollout_table import aligned
from weld_operator.adapters.signature import HEADER, UnusableKeyError, is_signed, public_key

LONGEST_DOCUMENT = 2**20
"""Bytes."""
SECONDS = 10.0


def fetched(url: str, key_file: Path) -> dict[str, Any]:
    """The document at `url`. Raises CommandError where there is none that this key has signed."""
    try:
        key = public_key(key_file)
    except UnusableKeyError as error:
        raise CommandError(str(error)) from error
    body, signature = _get(url)
    if not signature:
        raise CommandError(f"{url} is not signed: it has no header {HEADER}")
    if not is_signed(body, signature, key):
        raise CommandError(f"{url} is not signed by the key of {key_file}: do not use it")
    document = json.loads(body)
    if not isinstance(document, dict) or "regions" not in document:
        raise CommandError(f"{url} is signed, but no endpoint document")
    return document


def shown(document: dict[str, Any]) -> Iterator[str]:
    """Lines for a terminal."""
    yield f"{document['model']}: version {document['version']}, signed, valid for {document['validFor']}"
    rows = [
        [region["name"], str(number), endpoint["region"], f"{endpoint['weight']} %", endpoint["url"]]
        for region in document["regions"]
        for number, endpoint in enumerate(region["endpoints"], 1)
    ]
    yield from aligned([["sensors of", "choice", "region", "weight", "url"], *rows], left=5)


def _get(url: str) -> tuple[bytes, str]:
    if not url.startswith(("http://", "https://")):
        raise CommandError(f"{url} is no address, expected http:// or https://")
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as response:
            body: bytes = response.read(LONGEST_DOCUMENT + 1)
            signature: str = response.headers.get(HEADER, "")
    except urllib.error.HTTPError as error:
        raise CommandError(f"{url} answers with {error.code}") from error
    except (urllib.error.URLError, TimeoutError) as error:
        raise CommandError(f"{url} does not answer: {getattr(error, 'reason', error)}") from error
    if len(body) > LONGEST_DOCUMENT:
        raise CommandError(f"{url} answers with more than {LONGEST_DOCUMENT:,} bytes")
    return body, signature
