"""The kinds of assets, by the name that a WeldModel gives in `spec.asset.kind`.

A new kind is one line here, or an entry point of the group `weldserve.kinds` in a package of its own: see README.md in
this folder. Operator and predictor need no line: they serve whatever a bundle's card says.
"""

from __future__ import annotations

from weld_simulator.kind import Kind
from weld_simulator.registry import Registry

KINDS = Registry(
    what="kind of asset",
    type=Kind,
    group="weldserve.kinds",
    own={
        "PipelineWeld": "weld_simulator.first_bundle:KIND",
        "Silo": "weld_simulator.silo.bundle:KIND",
    },
)
