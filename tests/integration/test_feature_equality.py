"""The predictor takes from waveforms what training took from them."""

from tests.integration.feature_equality import differences


def test_features_of_serving_are_those_of_training_bit_for_bit() -> None:
    compared = list(differences(seed=7, count=10_000))
    assert sum(readings for readings, _ in compared) >= 10_000
    assert sum(differing for _, differing in compared) == 0
