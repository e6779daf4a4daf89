"""What the predictors of the stable revision are told of the candidate."""

from __future__ import annotations

from tests.unit.operator.cluster_objects import revision_of, subject
from weld_api.shadow import SHADOW_FILE, ShadowOrder
from weld_operator.desired.shadow_config_map import shadow_config_map

ORDER = ShadowOrder(digest="b" * 64, version="11.0.0", share=50, addresses=("127.0.1.7:8080",))


def test_the_order_is_read_as_it_was_written() -> None:
    body = shadow_config_map(subject("a"), revision_of("a"), ORDER)
    assert ShadowOrder.model_validate_json(body["data"][SHADOW_FILE]) == ORDER


def test_it_belongs_to_the_revision_that_answers_and_goes_with_the_weld_model() -> None:
    about = subject("a")
    made = shadow_config_map(about, revision_of("a"), ORDER)["metadata"]
    assert made["name"] == "north-line-aaaaaaaa-shadow"
    assert made["labels"]["weldserve.io/revision"] == "aaaaaaaa"
    assert made["ownerReferences"][0]["uid"] == about.uid


def test_equal_orders_make_equal_objects() -> None:
    again = ShadowOrder.model_validate_json(ORDER.model_dump_json())
    assert shadow_config_map(subject("a"), "r", ORDER) == shadow_config_map(subject("a"), "r", again)
