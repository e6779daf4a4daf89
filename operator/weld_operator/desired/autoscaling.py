"""What makes a revision's replicas more and fewer: an autoscaler that KServe makes, and how it is told.

| target                           | annotation | KServe makes             | that follows                              |
| -------------------------------- | ---------- | ------------------------ | ----------------------------------------- |
| cpuUtilization, or nothing       | hpa        | HorizontalPodAutoscaler  | the CPU of the revision's own Pods        |
| readingsPerSecond                | keda       | KEDA's ScaledObject      | the readings that they answer             |
| readingsPerSecond, but a part    | hpa        | HorizontalPodAutoscaler  | the CPU, as if the target said nothing,   |
| of what that needs is missing    |            |                          | until the part is there                   |

The annotation reaches the Pods, so that another one replaces them, a few at a time. A revision that KEDA scales
therefore stays as it is while KEDA is not to be seen: its autoscaler stands still then, and its Pods stay.

Up at once and down slowly is how both autoscalers are, where nothing else is said: Kubernetes' own defaults for a
HorizontalPodAutoscaler are no wait upwards and 5 minutes downwards. KServe says nothing else to one whatever it is
asked (its hpa_reconciler.go), and takes the same two times for a ScaledObject from here.
"""

from __future__ import annotations

import json
from typing import Literal

from weld_api import metric_names, names
from weld_api.spec import ScalingTarget
from weld_operator.desired.target import Target
from weld_operator.kinds import Object

AutoscalerClass = Literal["hpa", "keda"]
"""As KServe calls them."""

RATE_WINDOW = "1m"
"""Four samples at the chart's interval of 15 s; a shorter one would miss a rate when a scrape is missed."""

SCALE_UP_AFTER_SECONDS = 0
SCALE_DOWN_AFTER_SECONDS = 300
"""Kubernetes' own defaults, stated so that KServe's configuration does not put others in their place."""


def autoscaler_class(wanted: ScalingTarget, target: Target, there: Object | None) -> AutoscalerClass:
    """What is to scale a revision; `there` is its InferenceService as it is, None where there is none."""
    if not wanted.follows_readings or target.prometheus_url is None:
        return "hpa"
    annotations = {} if there is None else there["metadata"].get("annotations", {})
    is_followed = annotations.get(names.AUTOSCALER_ANNOTATION) == "keda"
    return "keda" if target.follows_readings or is_followed else "hpa"


def by_cpu(wanted: ScalingTarget) -> Object:
    """Fields of a predictor that a HorizontalPodAutoscaler scales."""
    return {"scaleMetric": "cpu", "scaleTarget": wanted.cpu_percent}


def by_readings(wanted: ScalingTarget, target: Target, namespace: str, revision: str) -> Object:
    """Fields of a predictor that KEDA scales.

    KServe (its keda_reconciler.go) takes the threshold from a target of type Value, and names no type to KEDA, whose
    default is AverageValue: the threshold is what each replica is to have of the query's value.
    """
    metric = {
        "backend": "prometheus",
        "serverAddress": target.prometheus_url,
        "query": readings_query(namespace, revision),
    }
    return {
        "autoScaling": {
            "metrics": [
                {
                    "type": "External",
                    "external": {
                        "metric": metric,
                        "target": {"type": "Value", "value": str(wanted.readings_per_second)},
                    },
                }
            ],
            "behavior": {
                "scaleUp": {"stabilizationWindowSeconds": SCALE_UP_AFTER_SECONDS},
                "scaleDown": {"stabilizationWindowSeconds": SCALE_DOWN_AFTER_SECONDS},
            },
        }
    }


def readings_query(namespace: str, revision: str) -> str:
    """Readings a second that the Pods of this revision answer together, and of no other one."""
    pods = f"{names.predictor_name(revision)}-.+"
    matchers = f"namespace={json.dumps(namespace)},pod=~{json.dumps(pods)}"
    return f"sum(rate({metric_names.READINGS}{{{matchers}}}[{RATE_WINDOW}]))"
