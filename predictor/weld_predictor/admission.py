"""Whether a bundle is the one that was asked for: its bytes and its card, checked before anything slow is done."""

from __future__ import annotations

from weld_api.card import BundleCard
from weld_api.predictor_settings import PredictorSettings
from weld_bundle.errors import BundleError
from weld_bundle.verification import verify


def admit(settings: PredictorSettings) -> BundleCard:
    """The card of the bundle of `settings`, once every byte of it is verified.

    Raises BundleError, with one sentence, if it is not the bundle, the version or the asset kind that was asked for.
    """
    card = verify(settings.bundle, settings.digest).card
    for name, stated, expected in (
        ("version", card.version, settings.version),
        ("asset kind", card.asset_kind, settings.asset_kind),
    ):
        if stated != expected:
            raise BundleError(f"the bundle's card states {name} {stated}, but {expected} was asked for")
    return card
