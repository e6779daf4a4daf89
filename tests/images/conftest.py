"""The images, built once for a session."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.images.building import BASE, Image, Workshop

SAID = pytest.StashKey[list[str]]()


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says something at the end of the run."""
    return request.config.stash.setdefault(SAID, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(SAID, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    opened = Workshop(tmp_path_factory.mktemp("workshop"))
    opened.make_base()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def base(workshop: Workshop) -> Image:
    return workshop.open(BASE)


@pytest.fixture(scope="session")
def base_with_installers(workshop: Workshop) -> str:
    return workshop.make_base_with_installers()


@pytest.fixture(scope="session")
def images(workshop: Workshop) -> dict[str, Image]:
    names = ("operator", "predictor")
    return dict(zip(names, workshop.build(*names), strict=True))


@pytest.fixture(scope="session")
def operator(images: dict[str, Image]) -> Image:
    return images["operator"]


@pytest.fixture(scope="session")
def predictor(images: dict[str, Image]) -> Image:
    return images["predictor"]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder and digest of a bundle that others may read."""
    from datetime import UTC, datetime

    from weld_bundle.packing import pack
    from weld_simulator.first_bundle import FEWEST_READINGS, train

    folder = tmp_path_factory.mktemp("bundle") / "weld-1.0.0"
    trained = train("1.0.0", 0, FEWEST_READINGS, datetime(2026, 8, 1, tzinfo=UTC))
    digest = pack(trained.estimator, trained.card, folder)
    for path in (folder, *folder.parents[:2], *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder, digest
