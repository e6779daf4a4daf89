"""Cards for tests that need no estimator."""

from datetime import UTC, datetime

from weld_api.card import BundleCard, Evaluation, FeatureSet, FlagHandling, FlagName, ModelInput
from weld_simulator.features import CONTEXT, FEATURE_SET, FEATURE_VERSION, FEATURES


def card(features: int = 2, *, version: str = "1.0.0", asset_kind: str = "PipelineWeld") -> BundleCard:
    """A card with inputs `echo_0`, `echo_1` ... from -1 to 1 and a threshold of one half."""
    inputs = (ModelInput(name=f"echo_{index}", unit="dB", minimum=-1, maximum=1) for index in range(features))
    return _card(tuple(inputs), version=version, asset_kind=asset_kind)


def weld_card(
    *,
    context: bool = True,
    feature_version: int = FEATURE_VERSION,
    flags: dict[FlagName, FlagHandling] | None = None,
) -> BundleCard:
    """A card with the features of waveforms and, if asked for, with pressure and temperature."""
    measured = (
        ModelInput(name=each.name, unit=each.unit, minimum=each.minimum, maximum=each.maximum) for each in FEATURES
    )
    plant = (
        ModelInput(name=each.name, unit=each.unit, minimum=each.minimum, maximum=each.maximum, source="Context")
        for each in CONTEXT
        if context
    )
    feature_set = FeatureSet(name=FEATURE_SET, version=feature_version)
    return _card((*measured, *plant)).model_copy(update={"features": feature_set, "flags": flags or {}})


def _card(inputs: tuple[ModelInput, ...], *, version: str = "1.0.0", asset_kind: str = "PipelineWeld") -> BundleCard:
    return BundleCard(
        name="weld-flaws",
        version=version,
        asset_kind=asset_kind,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        estimator="sklearn.linear_model.LogisticRegression",
        inputs=inputs,
        decision_threshold=0.5,
        evaluation=Evaluation(dataset="none", readings=1, precision=1, recall=1),
        libraries={"scikit-learn": "1.9.1"},
    )
