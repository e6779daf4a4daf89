"""The order to shadow comes, changes and goes while the predictor runs; what is wrong with it is said in a sentence."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from weld_api.shadow import SHADOW_FILE, ShadowOrder
from weld_predictor.shadow.order import LONGEST_FILE, Order, OrderFile, read_order

OWN, OTHER = "a0" * 32, "b0" * 32
GIVEN = ShadowOrder(digest=OTHER, version="2.0.0", share=25, addresses=("10.0.0.7:8080", "[::1]:80", "10.0.0.7:8080"))


def write(folder: Path, text: str) -> None:
    """As a kubelet does: another file takes the place of the one before."""
    fresh = folder / "fresh"
    fresh.write_text(text)
    os.replace(fresh, folder / SHADOW_FILE)


def test_an_order_is_read_as_the_operator_writes_it() -> None:
    order = read_order(GIVEN.model_dump_json().encode(), OWN)
    assert order == Order(OTHER, "2.0.0", 25, (("10.0.0.7", 8080), ("::1", 80)))
    assert order.candidate == "b0b0b0b0"


def test_without_a_file_or_a_folder_there_is_no_order(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        file = OrderFile(folder, OWN)
        assert not file.look()
        assert file.order is None


def test_a_look_tells_whether_the_order_is_another(tmp_path: Path) -> None:
    file = OrderFile(tmp_path, OWN)
    write(tmp_path, GIVEN.model_dump_json())
    assert file.look()
    assert file.order is not None
    assert not file.look()
    write(tmp_path, GIVEN.model_copy(update={"share": 50}).model_dump_json())
    assert file.look()
    assert file.order.share == 50
    (tmp_path / SHADOW_FILE).unlink()
    assert file.look()
    assert file.order is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the order: Invalid JSON: EOF while parsing a value at line 1 column 0"),
        ("[]", "the order: Input should be an object"),
        ('{"digest": "b0"}', "digest: String should match pattern"),
        (GIVEN.model_copy(update={"share": 0}).model_dump_json(), "share: Input should be greater than or equal to 1"),
        (
            GIVEN.model_copy(update={"addresses": ("candidate:8080",)}).model_dump_json(),
            "addresses: 'candidate:8080' came, expected an IP address and a port such as 10.0.0.7:8080",
        ),
        (
            GIVEN.model_copy(update={"addresses": ("10.0.0.7",)}).model_dump_json(),
            "addresses: '10.0.0.7' came, expected an IP address and a port such as 10.0.0.7:8080",
        ),
        (
            GIVEN.model_copy(update={"addresses": ("10.0.0.7:70000",)}).model_dump_json(),
            "addresses: '10.0.0.7:70000' came, expected an IP address and a port such as 10.0.0.7:8080",
        ),
        (
            GIVEN.model_copy(update={"digest": OWN}).model_dump_json(),
            f"digest {OWN} is served here, expected that of another bundle",
        ),
        (" " * (LONGEST_FILE + 1), f"the order has more than {LONGEST_FILE} bytes, expected fewer"),
    ],
)
def test_what_is_no_order_shadows_nothing_and_is_said_once(
    tmp_path: Path, text: str, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, text)
    file = OrderFile(tmp_path, OWN)
    with caplog.at_level(logging.WARNING):
        looks = [file.look() for _ in range(3)]
    assert looks == [False] * 3
    assert file.order is None
    [told] = caplog.records
    assert vars(told)["reason"].startswith(sentence)


def test_a_good_order_may_follow_a_bad_one(tmp_path: Path) -> None:
    file = OrderFile(tmp_path, OWN)
    write(tmp_path, "{")
    file.look()
    write(tmp_path, GIVEN.model_dump_json())
    assert file.look()
    assert file.order is not None
