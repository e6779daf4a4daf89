"""Where the time of a request goes, by the predictor's own metrics."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

Totals = dict[str, tuple[float, float]]
"""Seconds and count by stage; `request` is from the arrival to the answer."""


async def scrape(port: int) -> Totals:
    """Since the predictor's start."""
    async with httpx.AsyncClient(timeout=30) as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            kind = sample.name.rpartition("_")[2]
            if family.name in ("weldserve_stage_seconds", "weldserve_request_seconds") and kind in ("sum", "count"):
                sums = found.setdefault(sample.labels.get("stage", "request"), {"sum": 0.0, "count": 0.0})
                sums[kind] += sample.value
    return {stage: (each["sum"], each["count"]) for stage, each in found.items()}


def mean_milliseconds(before: Totals, after: Totals) -> dict[str, float]:
    """Of each stage of what came between; `rest` is what none of them tells."""
    means = {}
    for stage, (seconds, count) in after.items():
        seconds_before, count_before = before.get(stage, (0.0, 0.0))
        if count > count_before:
            means[stage] = (seconds - seconds_before) / (count - count_before) * 1000
    whole = means.pop("request", 0.0)
    return {**means, "rest": max(whole - sum(means.values()), 0.0)}
