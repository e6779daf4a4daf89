"""The operator's own connection from inside a cluster."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from kubernetes.aio.config import incluster_config

from weld_operator.adapters.connection import NoConnectionError, current_credentials, load_connection


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ServiceAccount's folder, somewhere, in a Pod."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    (tmp_path / "token").write_text("first")
    (tmp_path / "ca.crt").write_text("certificate")
    return tmp_path


async def test_token_and_authority_are_taken_from_the_folder(folder: Path) -> None:
    now = await current_credentials(await load_connection(None, folder))
    assert (now.server, now.scheme.lower(), now.token) == ("https://10.0.0.1:443", "bearer", "first")
    assert (now.authority, now.is_verified) == (str(folder / "ca.crt"), True)


async def test_a_token_that_the_kubelet_has_renewed_is_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await load_connection(None, folder)
    (folder / "token").write_text("second")
    assert (await current_credentials(connection)).token == "first", "it is read once a minute at most"

    later = datetime.now() + timedelta(minutes=1, seconds=1)  # noqa: DTZ005 - the client's clock has no zone
    clock = SimpleNamespace(datetime=SimpleNamespace(now=lambda: later), timedelta=timedelta)
    monkeypatch.setattr(incluster_config, "datetime", clock)
    assert (await current_credentials(connection)).token == "second"


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
async def test_a_folder_that_is_not_whole_is_said(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(NoConnectionError, match="this cluster gives no way to an API server"):
        await load_connection(None, folder)
