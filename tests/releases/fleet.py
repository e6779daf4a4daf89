"""The WeldModels that a release is recorded with: every field, every example, each state of a change."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from weld_api import names
from weld_operator.desired.target import Target
from weld_operator.kinds import Object

EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples"
NAMESPACE = "plant-a"
# As the chart tells the operator of a release that is called weldserve.
TARGET = Target("kserve", "kserve-ingress-gateway", "weldserve.example", "weldserve", "weldserve-predictor")

LEAST: Object = {
    "asset": {"kind": "PipelineWeld", "site": "north-line"},
    "model": {"version": "1.0.0", "uri": "pvc://bundles/weld-1.0.0", "sha256": "a" * 64},
    "workload": {"readingsPerTick": 10000},
}
EVERYTHING: Object = {
    "asset": {"kind": "SiloWall", "site": "south-silo"},
    "model": {
        "version": "2.1.0-rc.1",
        "uri": "s3://models/weld/2.1.0/",
        "sha256": "b" * 64,
        "serviceAccountName": "models-reader",
        "resources": {"requests": {"cpu": "250m", "memory": "384Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
    },
    "workload": {"readingsPerTick": 5000, "tick": "200ms", "jitter": "30ms", "deadline": "150ms"},
    "serving": {
        "mode": "Standard",
        "traffic": "Gateway",
        "batching": {"maxReadings": 2048, "maxDelay": "3ms", "queueReadings": 20000},
        "intake": {
            "sampling": "EveryNth",
            "everyNth": 5,
            "longestSilence": "4s",
            "lateness": "300ms",
            "late": "Reject",
            "mostSensors": 20000,
        },
        "scaling": {"minReplicas": 3, "maxReplicas": 9, "target": {"cpuUtilization": 55}},
        "availability": {"maxUnavailable": 2, "spreadAcross": ["topology.kubernetes.io/zone"]},
        "readyWithin": "7m",
        "retireAfter": "2h",
    },
}
# What excludes something of EVERYTHING, and what would keep the next bundle from answering at once.
INSTEAD: Object = {
    **LEAST,
    "rollout": {
        "shadow": {"for": "2h", "minReadings": 5000, "share": 80},
        "steps": [{"weight": 10, "hold": "30m", "gates": [{"name": "pace", "throughput": {"minOfStable": 0.9}}]}],
        "gates": [
            {"name": "errors", "errorRate": {"max": 0.002, "minSamples": 2000}},
            {"name": "agreement", "disagreement": {"max": 0.02}},
        ],
        "deadline": {"per": "6h", "then": "Hold"},
        "approval": "Manual",
        "analysis": {"interval": "1m", "errorProbability": 0.02},
    },
    "serving": {
        "intake": {"sampling": "OnChange", "onChange": {"features": [{"name": "echo", "deadBand": 0.5}]}},
        "scaling": {"target": {"readingsPerSecond": 90_000}},
    },
}
# What takes other clusters than the one that a recording plays.
IN_REGIONS: Object = {
    **LEAST,
    "regions": [
        {
            "name": "south",
            "country": "BR",
            "cluster": {"local": {"nodeSelector": {"topology.kubernetes.io/region": "br-south"}}},
            "share": 60,
            "scaling": {"minReplicas": 3, "maxReplicas": 6},
            "failoverTo": ["north"],
        },
        {"name": "north", "cluster": {"kubeconfigSecret": "north-cluster"}, "share": 40, "failoverTo": ["south"]},
    ],
    "serving": {"scaling": {"target": {"readingsPerSecond": 20000}}},
    "failover": {"after": "20s", "back": "10m", "capacity": "OnLoss"},
    "rollout": {"waves": [{"regions": ["south"], "bake": "2h"}, {"regions": ["north"]}]},
}


@dataclass(frozen=True)
class Step:
    """A spec that a user applies, and how many replicas of the revision that it asks for become ready (0: none)."""

    spec: Object
    ready: int


@dataclass(frozen=True)
class Sample:
    """A WeldModel, by its name, with all that was ever asked of it, and the installation that it belongs to."""

    name: str
    steps: tuple[Step, ...]
    target: Target = TARGET


def samples() -> Iterator[Sample]:
    """Each sample of the fleet, under a name of its own."""
    yield Sample("least", (Step(LEAST, ready=2),))
    yield Sample("everything", (Step(EVERYTHING, ready=3),))
    yield Sample("instead", (Step(INSTEAD, ready=2),))
    yield Sample("least-plain", (Step(LEAST, ready=2),), replace(TARGET, predictor_service_account=None))
    yield Sample("starting", (Step(LEAST, ready=0),))
    yield Sample("retiring", (Step(EVERYTHING, ready=3), Step(_next(EVERYTHING, "c"), ready=3)))
    # Replaced twice, under a load that made five replicas of the one that answers: the next one starts with as many.
    yield Sample(
        "changing",
        (Step(EVERYTHING, ready=3), Step(_next(EVERYTHING, "c"), ready=5), Step(_next(EVERYTHING, "d"), ready=1)),
    )
    for file in sorted(EXAMPLES.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            if document["kind"] == names.KIND:
                yield Sample(document["metadata"]["name"], (Step(document["spec"], ready=2),))


def _next(spec: Object, letter: str) -> Object:
    """The same for another bundle."""
    version = f"{int(letter, 16)}.0.0"
    after = copy.deepcopy(spec)
    after["model"] |= {"version": version, "uri": f"s3://models/weld/{version}/", "sha256": letter * 64}
    return after
