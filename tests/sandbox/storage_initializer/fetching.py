"""Fetching what a storage uri names."""

from __future__ import annotations

import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

from tests.sandbox.storage_initializer.archives import ArchiveError, is_archive, unpack

TIMEOUT_SECONDS = 20
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"
MOST_PAGES = 1000


class FetchError(Exception):
    """What a uri names cannot be brought; the text is one sentence that names the uri and the cause."""


def fetch(uri: str, destination: Path) -> None:
    """Bring what `uri` names into `destination`, which is made; raises FetchError."""
    destination.mkdir(parents=True, exist_ok=True)
    scheme = urlsplit(uri).scheme
    try:
        if scheme in ("http", "https"):
            _fetch_file(uri, destination)
        elif scheme == "s3":
            _fetch_bucket(uri, destination)
        elif scheme == "gs":
            raise FetchError(f"cannot fetch {uri}: bucket {urlsplit(uri).netloc!r} has no endpoint in this rig")
        else:
            raise FetchError(f"cannot fetch {uri}: its scheme is not one of http, https, s3, gs")
    except urllib.error.HTTPError as error:
        raise FetchError(
            f"cannot fetch {uri}: {urlsplit(error.url).netloc} answers {error.code} {error.msg}"
        ) from error
    except urllib.error.URLError as error:
        raise FetchError(f"cannot fetch {uri}: {_host(uri)} cannot be reached: {error.reason}") from error
    except (OSError, HTTPException, ArchiveError) as error:
        raise FetchError(f"cannot fetch {uri}: {error}") from error


def _host(uri: str) -> str:
    address = urlsplit(uri)
    if address.scheme == "s3":
        return f"bucket {address.netloc!r} at {os.environ[ENDPOINT_VARIABLE]}"
    return address.netloc


def _fetch_file(uri: str, destination: Path) -> None:
    name = PurePosixPath(urlsplit(uri).path).name or "file"
    with tempfile.TemporaryDirectory(dir=destination.parent) as folder:
        file = Path(folder) / "fetched"
        _download(uri, file)
        if is_archive(name):
            unpack(file, name, destination)
        else:
            shutil.move(file, destination / name)


def _fetch_bucket(uri: str, destination: Path) -> None:
    """Fetch the objects below an s3 uri without a signature, from the endpoint that the environment names."""
    endpoint = os.environ.get(ENDPOINT_VARIABLE, "").rstrip("/")
    bucket, prefix = urlsplit(uri).netloc, urlsplit(uri).path.strip("/")
    if not endpoint:
        raise FetchError(f"cannot fetch {uri}: bucket {bucket!r} cannot be reached: {ENDPOINT_VARIABLE} is not set")
    keys = list(_keys(f"{endpoint}/{bucket}", prefix))
    if not keys:
        raise FetchError(f"cannot fetch {uri}: bucket {bucket!r} has nothing below {prefix!r}")
    for key in keys:
        relative = PurePosixPath(key).relative_to(prefix) if key != prefix else PurePosixPath(PurePosixPath(key).name)
        if ".." in relative.parts:
            raise FetchError(f"cannot fetch {uri}: the key {key!r} would be written outside the destination")
        file = destination / relative
        file.parent.mkdir(parents=True, exist_ok=True)
        _download(f"{endpoint}/{bucket}/{quote(key)}", file)


def _keys(bucket: str, prefix: str) -> Iterator[str]:
    """The keys of the objects named `prefix` or below it (ListObjectsV2)."""
    query = {"list-type": "2", "prefix": prefix}
    for _ in range(MOST_PAGES):
        with urllib.request.urlopen(f"{bucket}?{urlencode(query)}", timeout=TIMEOUT_SECONDS) as answer:
            try:
                listing = ElementTree.fromstring(answer.read())
            except ElementTree.ParseError as error:
                raise OSError(f"{bucket} does not answer as an object store: {error}") from error
        for found in listing.findall("{*}Contents/{*}Key"):
            key = found.text or ""
            if not key.endswith("/") and (key == prefix or not prefix or key.startswith(prefix + "/")):
                yield key
        token = listing.findtext("{*}NextContinuationToken")
        if not token:
            return
        query["continuation-token"] = token


def _download(url: str, file: Path) -> None:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, file.open("wb") as target:
        shutil.copyfileobj(answer, target)
