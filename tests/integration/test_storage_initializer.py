"""What the stand-in for KServe's storage initializer brings, and what it says when it cannot."""

import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.sandbox.process import free_port
from tests.sandbox.storage_initializer.__main__ import main

LISTING = """<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Contents><Key>models/first/card.yaml</Key></Contents><Contents><Key>models/first/parts/a.bin</Key></Contents>
<Contents><Key>models/firstborn/card.yaml</Key></Contents></ListBucketResult>"""

Serve = Callable[[str, bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server on loopback: `serve(path, content)` makes a path answer, and returns its url."""
    contents: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = contents.get(self.path.partition("?")[0])
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(found or b"")

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def serve_content(path: str, content: bytes) -> str:
        contents[path] = content
        return f"http://127.0.0.1:{server.server_port}{path}"

    yield serve_content
    server.shutdown()
    thread.join()
    server.server_close()


def tar_of(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def zip_of(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(("ending", "pack"), [(".tar.gz", tar_of), (".tgz", tar_of), (".zip", zip_of)])
def test_an_archive_is_unpacked(tmp_path: Path, serve: Serve, ending: str, pack: Callable[[str, bytes], bytes]) -> None:
    uri = serve(f"/bundle{ending}", pack("parts/card.yaml", b"one"))
    assert main([uri, str(tmp_path / "models")]) == 0
    assert (tmp_path / "models" / "parts" / "card.yaml").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_single_file_is_kept_under_its_name(tmp_path: Path, serve: Serve) -> None:
    assert main([serve("/card.yaml", b"one"), str(tmp_path / "models")]) == 0
    assert (tmp_path / "models" / "card.yaml").read_bytes() == b"one"


@pytest.mark.parametrize(("ending", "pack"), [(".tar.gz", tar_of), (".zip", zip_of)])
@pytest.mark.parametrize("name", ["../escaped", "parts/../../escaped"])
def test_an_archive_cannot_write_outside_its_folder(
    tmp_path: Path,
    serve: Serve,
    capsys: pytest.CaptureFixture[str],
    ending: str,
    pack: Callable[[str, bytes], bytes],
    name: str,
) -> None:
    assert main([serve(f"/bundle{ending}", pack(name, b"one")), str(tmp_path / "models")]) == 1
    assert "outside the destination" in capsys.readouterr().err
    assert not (tmp_path / "escaped").exists()


def test_a_broken_archive_is_named(tmp_path: Path, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    uri = serve("/bundle.tar.gz", b"not an archive")
    assert main([uri, str(tmp_path / "models")]) == 1
    assert capsys.readouterr().err.startswith(f"cannot fetch {uri}: ")


def test_what_cannot_be_fetched_is_named_with_the_cause_in_one_line(
    tmp_path: Path, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = serve("/there", b"").replace("there", "absent.tar.gz")
    refused = f"http://127.0.0.1:{free_port()}/bundle.tar.gz"
    for uri, cause in ((absent, "answers 404"), (refused, "cannot be reached: [Errno 111] Connection refused")):
        assert main([uri, str(tmp_path)]) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"cannot fetch {uri}: ")
        assert cause in said
        assert said.count("\n") == 1


def test_objects_below_a_prefix_are_brought_without_a_signature(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve("/bucket", LISTING.encode())
    serve("/bucket/models/first/card.yaml", b"one")
    serve("/bucket/models/first/parts/a.bin", b"two")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url.removesuffix("/bucket"))
    assert main(["s3://bucket/models/first", str(tmp_path / "models")]) == 0
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"models/card.yaml", "models/parts/a.bin"}


@pytest.mark.parametrize(
    ("uri", "cause"),
    [
        ("s3://bucket/bundle", "bucket 'bucket' cannot be reached: AWS_ENDPOINT_URL is not set"),
        ("gs://bucket/bundle", "bucket 'bucket' has no endpoint"),
        ("ftp://host/bundle", "not one of http, https, s3, gs"),
    ],
)
def test_a_store_that_the_rig_does_not_have_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, uri: str, cause: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert main([uri, str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"cannot fetch {uri}: ")
    assert cause in said


def test_arguments_come_in_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["s3://bucket/bundle"]) == 2
    assert "pairs" in capsys.readouterr().err
