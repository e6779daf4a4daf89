"""The first model of silos: which inspection point somebody should look at."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from weld_simulator.kind import Kind, Recipe, Sample, Sites
from weld_simulator.silo.features import INPUTS, columns_of
from weld_simulator.silo.readings import measure_silo
from weld_simulator.silo.site import POSITIONS, SiloSite

PERIOD = timedelta(days=20 * 365)
"""Readings are taken at any time in the first twenty years of a site."""


def sample(seed: int, readings: int) -> Sample:
    """One reading of each inspection point of a site, each silo at an instant of its own."""
    site = SiloSite("training", seed, max(readings // POSITIONS, 1))
    instants = np.random.default_rng((seed, site.silos)).uniform(size=site.silos)
    silos = [
        measure_silo(site, number, site.tick_at(site.commissioned + PERIOD * instant))
        for number, instant in enumerate(instants)
    ]
    return Sample(
        columns=np.concatenate([columns_of(each) for each in silos]),
        at_risk=np.concatenate([each.at_risk for each in silos]),
    )


KIND = Kind(
    name="Silo",
    bundle="silo-wall-and-level",
    inputs=INPUTS,
    recipes={
        "1.0.0": Recipe(
            "Risk at an inspection point of a silo: its wall is too thin, its contents have formed a bridge, or its "
            "level gauge does not hear the surface.",
            {"max_iter": 150, "learning_rate": 0.08, "max_leaf_nodes": 16, "min_samples_leaf": 20},
        ),
    },
    sample=sample,
    sites=Sites(training=16, validation=14, test=14),
    readings=14_080,
    fewest_readings=7_040,
    precision=0.95,
    intended_use=(
        "Screening of steel silos and tanks by fixed thickness gauges on the wall and one level gauge above the "
        "contents, to choose where a person looks next. It decides no repair."
    ),
    limits=(
        "Trained on simulated readings only; validate on inspected silos before relying on it.",
        "While nothing flows, a level gauge that is stuck looks much like one that is not.",
        "Where a rough wall gives no second echo, paint counts as steel.",
    ),
    flags={"out_of_range": "Reserve", "missing_context": "Reserve"},
)
