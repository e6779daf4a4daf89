"""Bundles: a packaged model version, stored without pickles and pinned by one digest.

A bundle is a folder of three files and nothing else:

* `estimator.skops`: the estimator, in skops' format, in the one form that `pack` writes (see `weld_bundle.archive`);
* `card.yaml`: what the bundle says of itself (`weld_api.card.BundleCard`);
* `manifest.json`: size and SHA-256 of the other two. Its own SHA-256 is the bundle's digest.

`verify` needs no more than this package and `weld_api`; `load` and `pack` need scikit-learn and skops, which come with
`weldserve[predictor]`.
"""
