"""A card and settings for tests that need no estimator."""

from datetime import UTC, datetime

from weld_api.card import BundleCard, Evaluation, ModelInput


def card(features: int = 2, *, version: str = "1.0.0", asset_kind: str = "PipelineWeld") -> BundleCard:
    """A card with inputs `echo_0`, `echo_1` ... from -1 to 1 and a threshold of one half."""
    return BundleCard(
        name="weld-flaws",
        version=version,
        asset_kind=asset_kind,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        estimator="sklearn.linear_model.LogisticRegression",
        inputs=tuple(ModelInput(name=f"echo_{index}", unit="dB", minimum=-1, maximum=1) for index in range(features)),
        decision_threshold=0.5,
        evaluation=Evaluation(dataset="none", readings=1, precision=1, recall=1),
        libraries={"scikit-learn": "1.9.1"},
    )
