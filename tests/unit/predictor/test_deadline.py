"""How long a client waits, as headers say."""

import math

import pytest

from weld_predictor.front.deadline import seconds_allowed
from weld_predictor.intake.fault import RequestError


@pytest.mark.parametrize(
    ("timeout", "gateway_timeout", "seconds"),
    [
        (None, None, math.inf),
        ("250", None, 0.25),
        ("0", None, 0),
        (None, "15000", 15),
        ("250", "15000", 0.25),
        ("20000", "15000", 15),
        (None, "0", math.inf),
        (None, "unlimited", math.inf),
    ],
)
def test_the_shorter_of_what_client_and_gateway_allow_counts(
    timeout: str | None, gateway_timeout: str | None, seconds: float
) -> None:
    assert seconds_allowed(timeout, gateway_timeout) == seconds


@pytest.mark.parametrize("timeout", ["", "soon", "-1", "1.5", "9" * 19, "\u0661"])
def test_a_client_that_states_no_number_is_told(timeout: str) -> None:
    with pytest.raises(RequestError, match=r"header x-request-timeout-ms: .* came, expected whole milliseconds"):
        seconds_allowed(timeout, None)
