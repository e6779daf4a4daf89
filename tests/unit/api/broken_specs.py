"""A sound spec, and changes that each break one rule that spans fields, with the sentence that says so."""

from __future__ import annotations

from typing import Any

SOUND: dict[str, Any] = {
    "asset": {"kind": "PipelineWeld", "site": "north-line"},
    "model": {"version": "2.0.0", "uri": "pvc://bundles/weld-2.0.0", "sha256": "0" * 64},
    "workload": {"readingsPerTick": 10_000},
}

HERE: dict[str, Any] = {"name": "here", "cluster": {"local": {}}, "share": 60}
THERE: dict[str, Any] = {"name": "there", "cluster": {"kubeconfigSecret": "there"}, "share": 40}

BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a bundle above its folder": (
        {"model": {**SOUND["model"], "uri": "s3://models/weld/../others/1"}},
        "spec.model.uri: model.uri must have no part '.' or '..'",
    ),
    "weights that fall": (
        {"rollout": {"steps": [{"weight": 50}, {"weight": 25}]}},
        "spec.rollout.steps: rollout.steps must rise in weight",
    ),
    "weights that stay": (
        {"rollout": {"steps": [{"weight": 50}, {"weight": 50}]}},
        "spec.rollout.steps: rollout.steps must rise in weight",
    ),
    "a gate without condition": (
        {"rollout": {"gates": [{"name": "errors"}]}},
        "spec.rollout.gates[0].name: a gate must have exactly one of errorRate, latency",
    ),
    "a gate with two": (
        {"rollout": {"gates": [{"name": "errors", "errorRate": {"max": 0.1}, "latency": {}}]}},
        "spec.rollout.gates[0].name: a gate must have exactly one of errorRate, latency",
    ),
    "a gate named twice": (
        {"rollout": {"gates": [{"name": "speed", "latency": {}}] * 2}},
        "spec.rollout.gates: rollout.gates must have each name once",
    ),
    "a step's gate named twice": (
        {"rollout": {"steps": [{"weight": 5, "gates": [{"name": "own", "latency": {}}] * 2}]}},
        "spec.rollout.steps[0].gates: rollout.steps[].gates must have each name once",
    ),
    "a step's gate named as the rollout's": (
        {"rollout": {"steps": [{"weight": 5, "gates": [{"name": "speed", "latency": {}}]}]}},
        "spec.rollout.steps: rollout.steps[].gates must not have the name of one of rollout.gates",
    ),
    "comparison without shadow": (
        {"rollout": {"gates": [{"name": "agreement", "disagreement": {"max": 0.02}}]}},
        "spec.rollout.shadow: rollout.shadow must be given with disagreement and riskShift",
    ),
    "comparison in a step without shadow": (
        {"rollout": {"steps": [{"weight": 5, "gates": [{"name": "own", "riskShift": {"max": 0.1}}]}]}},
        "spec.rollout.shadow: rollout.shadow must be given with disagreement and riskShift",
    ),
    "regions behind KServe's canary": (
        {"serving": {"traffic": "Native"}, "regions": [HERE, THERE]},
        "spec.regions: regions need serving.mode Standard and serving.traffic Gateway",
    ),
    "KServe's canary in Knative mode": (
        {"serving": {"mode": "Knative", "traffic": "Native"}},
        "spec.serving.traffic: serving.traffic Native needs serving.mode Standard",
    ),
    "neither steps nor shadow": (
        {"rollout": {"steps": []}},
        "spec.rollout.steps: rollout needs steps, shadow or both",
    ),
    "looks without pause": (
        {"rollout": {"analysis": {"interval": "999ms"}}},
        "spec.rollout.analysis.interval: analysis.interval must be at least 1s",
    ),
    "a query without limit": (
        {"rollout": {"gates": [{"name": "own", "promql": {"query": "up"}}]}},
        "spec.rollout.gates[0].promql.query: promql needs max, min or both",
    ),
    "a query that nothing meets": (
        {"rollout": {"gates": [{"name": "own", "promql": {"query": "up", "min": 2, "max": 1}}]}},
        "spec.rollout.gates[0].promql.min: promql.min must not be above promql.max",
    ),
    "a floor of nothing": (
        {"rollout": {"gates": [{"name": "own", "promql": {"query": "up", "min": 1, "minSamples": 5}}]}},
        "spec.rollout.gates[0].promql.samples: promql.samples and promql.minSamples must be given together",
    ),
    "request above limit": (
        {"model": {**SOUND["model"], "resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}}},
        "spec.model.resources.requests.cpu: resources.requests.cpu must not be above resources.limits.cpu",
    ),
    "tick of nothing": (
        {"workload": {"readingsPerTick": 1, "tick": "0s", "jitter": "0s"}},
        "spec.workload.tick: workload.tick must be longer than 0",
    ),
    "jitter above tick": (
        {"workload": {"readingsPerTick": 1, "jitter": "200ms"}},
        "spec.workload.jitter: workload.jitter must be shorter than workload.tick",
    ),
    "no time to answer": (
        {"workload": {"readingsPerTick": 1, "deadline": "0s"}, "serving": {"batching": {"maxDelay": "0s"}}},
        "spec.workload.deadline: workload.deadline must be longer than 0",
    ),
    "batch above queue": (
        {"serving": {"batching": {"maxReadings": 10, "queueReadings": 5}}},
        "spec.serving.batching.maxReadings: batching.maxReadings must not be above batching.queueReadings",
    ),
    "every nth of all": (
        {"serving": {"intake": {"everyNth": 5}}},
        "spec.serving.intake.everyNth: intake.everyNth must be given with intake.sampling EveryNth",
    ),
    "a change of nothing": (
        {"serving": {"intake": {"sampling": "OnChange"}}},
        "spec.serving.intake.onChange: intake.onChange must be given with intake.sampling OnChange",
    ),
    "a feature named twice": (
        {"serving": {"intake": {"sampling": "OnChange", "onChange": {"features": [{"name": "a", "deadBand": 1}] * 2}}}},
        "spec.serving.intake.onChange.features: intake.onChange.features must name each feature once",
    ),
    "silence of nothing": (
        {"serving": {"intake": {"longestSilence": "0s"}}},
        "spec.serving.intake.longestSilence: intake.longestSilence must be longer than 0",
    ),
    "min above max": (
        {"serving": {"scaling": {"minReplicas": 5, "maxReplicas": 2}}},
        "spec.serving.scaling.minReplicas: scaling.minReplicas must not be above scaling.maxReplicas",
    ),
    "two signals to scale by": (
        {"serving": {"scaling": {"target": {"cpuUtilization": 70, "readingsPerSecond": 1000}}}},
        "spec.serving.scaling.target.readingsPerSecond: scaling.target must have only one of cpuUtilization and",
    ),
    "readings to scale by in Knative mode": (
        {"serving": {"mode": "Knative", "scaling": {"target": {"readingsPerSecond": 1000}}}},
        "spec.serving.scaling.target.readingsPerSecond: scaling.target.readingsPerSecond needs serving.mode Standard",
    ),
    "readings to scale by with KServe's canary": (
        {"serving": {"traffic": "Native", "scaling": {"target": {"readingsPerSecond": 1000}}}},
        "spec.serving.scaling.target.readingsPerSecond: scaling.target.readingsPerSecond needs serving.mode Standard",
    ),
    "deadline below batching": (
        {"serving": {"batching": {"maxDelay": "200ms"}}},
        "spec.workload.deadline: workload.deadline must be at least serving.batching.maxDelay",
    ),
    "two waves for a region": (
        {
            "regions": [HERE, THERE],
            "rollout": {"waves": [{"regions": ["here", "there"]}, {"regions": ["there"]}]},
        },
        "spec.rollout.waves: rollout.waves must name each region once",
    ),
    "a region twice in a wave": (
        {"regions": [HERE, THERE], "rollout": {"waves": [{"regions": ["here", "there", "here"]}]}},
        "spec.rollout.waves: rollout.waves must name each region once",
    ),
    "a region without wave": (
        {"regions": [HERE, THERE], "rollout": {"waves": [{"regions": ["here"]}]}},
        "spec.rollout.waves: rollout.waves must name each of regions, and nothing else",
    ),
    "a wave without region": (
        {"regions": [HERE, THERE], "rollout": {"waves": [{"regions": ["here"]}, {"regions": ["there", "where"]}]}},
        "spec.rollout.waves: rollout.waves must name each of regions, and nothing else",
    ),
    "a wave's gate named as the rollout's": (
        {
            "regions": [{**HERE, "share": 100}],
            "rollout": {"waves": [{"regions": ["here"], "gates": [{"name": "speed", "latency": {}}]}]},
        },
        "spec.rollout.waves: rollout.waves[].gates must not have the name of one of rollout.gates",
    ),
    "a wave's gate named twice": (
        {
            "regions": [{**HERE, "share": 100}],
            "rollout": {"waves": [{"regions": ["here"], "gates": [{"name": "own", "latency": {}}] * 2}]},
        },
        "spec.rollout.waves[0].gates: rollout.waves[].gates must have each name once",
    ),
    "comparison in a wave without shadow": (
        {
            "regions": [{**HERE, "share": 100}],
            "rollout": {"waves": [{"regions": ["here"], "gates": [{"name": "own", "riskShift": {"max": 0.1}}]}]},
        },
        "spec.rollout.shadow: rollout.shadow must be given with disagreement and riskShift",
    ),
    "a region in two clusters": (
        {"regions": [{**HERE, "share": 100, "cluster": {"local": {}, "kubeconfigSecret": "there"}}]},
        "spec.regions[0].cluster.local: cluster must have exactly one of local, kubeconfigSecret",
    ),
    "a region in no cluster": (
        {"regions": [{**HERE, "share": 100, "cluster": {}}]},
        "spec.regions[0].cluster.local: cluster must have exactly one of local, kubeconfigSecret",
    ),
    "a region named twice": (
        {"regions": [HERE, {**THERE, "name": "here"}]},
        "spec.regions: regions must have each name once",
    ),
    "shares that are not the whole": (
        {"regions": [HERE, {**THERE, "share": 41}]},
        "spec.regions: regions[].share must add up to 100",
    ),
    "failover to nowhere": (
        {"regions": [HERE, {**THERE, "failoverTo": ["where"]}]},
        "spec.regions: regions[].failoverTo must name other regions of this WeldModel",
    ),
    "failover to itself": (
        {"regions": [{**HERE, "failoverTo": ["here"]}, THERE]},
        "spec.regions: regions[].failoverTo must name other regions of this WeldModel",
    ),
    "failover to one twice": (
        {"regions": [{**HERE, "failoverTo": ["there", "there"]}, THERE]},
        "spec.regions[0].failoverTo: regions[].failoverTo must have each name once",
    ),
    "min above max in a region": (
        {"regions": [{**HERE, "share": 100, "scaling": {"minReplicas": 3, "maxReplicas": 2}}]},
        "spec.regions[0].scaling.minReplicas: regions[].scaling.minReplicas must not be above",
    ),
    "failover without time": (
        {"failover": {"after": "999ms"}},
        "spec.failover.after: failover.after must be at least 1s",
    ),
    "return without time": (
        {"failover": {"back": "0s"}},
        "spec.failover.back: failover.back must be at least 1s",
    ),
}
