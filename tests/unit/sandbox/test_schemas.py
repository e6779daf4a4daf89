"""Which third-party schemas the rig installs."""

import pytest

from tests.sandbox.schemas import Source, choose_source


def test_the_published_ones_are_preferred() -> None:
    assert choose_source(None, published_there=True) is Source.PUBLISHED


def test_without_the_published_ones_the_rig_makes_its_own() -> None:
    assert choose_source("", published_there=False) is Source.MINIMAL


def test_the_minimal_ones_can_be_asked_for() -> None:
    assert choose_source("minimal", published_there=True) is Source.MINIMAL


def test_an_unknown_choice_is_refused_in_one_sentence() -> None:
    with pytest.raises(
        ValueError, match=r"^WELDSERVE_SANDBOX_SCHEMAS is 'small', it must be one of published, minimal$"
    ):
        choose_source("small", published_there=True)
