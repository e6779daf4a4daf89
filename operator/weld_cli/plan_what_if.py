"""`--what-if key=value`: what a plan changes of what it was told, before it reckons."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from weld_api.card import Throughput
from weld_api.spec import WeldModelSpec
from weld_api.spec_rules import broken_rule
from weld_api.weld_model import sentence
from weld_cli.failures import CommandError
from weld_operator.domain.capacity.assets import PlanAssets

_MOST_READINGS = 10_000_000


@dataclass
class Told:
    """What a plan follows from, as it stands after some of the changes."""

    spec: dict[str, Any]
    assets: dict[str, Any]
    throughput: Throughput
    precision: float
    recall: float


@dataclass(frozen=True)
class _Key:
    takes: str
    """In words, with an example."""
    change: Callable[[Told, str], None]


def changed(told: Told, changes: Sequence[str]) -> tuple[WeldModelSpec, PlanAssets]:
    """Apply `key=value` in their order to `told`, and give its spec and assets.

    Raises CommandError, in one sentence, for an unknown key, a value of another kind, or a spec that cannot be.
    """
    for text in changes:
        name, equals, value = text.partition("=")
        key = KEYS.get(name)
        if key is None:
            raise CommandError(f"--what-if {name}: there is no such key; there are {', '.join(KEYS)}")
        if not equals or not value:
            raise CommandError(f"--what-if {name}: a value is missing, write {name}={key.takes.rpartition(' ')[2]}")
        try:
            key.change(told, value)
        except ValueError as error:
            raise CommandError(f"--what-if {name}={value}: {error}; it takes {key.takes}") from error
        _check(text, key, told)
    try:
        return WeldModelSpec.model_validate(told.spec), PlanAssets.model_validate(told.assets)
    except ValidationError as error:
        raise CommandError(sentence(error)) from error


def _check(text: str, key: _Key, told: Told) -> None:
    """After each change, so that the sentence names the one that is at fault."""
    try:
        spec = WeldModelSpec.model_validate(told.spec)
        PlanAssets.model_validate(told.assets)
    except ValidationError as error:
        raise CommandError(f"--what-if {text}: {sentence(error)}; it takes {key.takes}") from error
    if (broken := broken_rule(spec)) is not None:
        raise CommandError(f"--what-if {text}: {broken}")


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    *folders, last = path.split(".")
    for folder in folders:
        document = document.setdefault(folder, {})
    document[last] = value


def _whole(text: str) -> int:
    try:
        return int(text.replace("_", ""))
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


def _text(text: str) -> str:
    return text


def _in_spec(path: str, read: Callable[[str], Any]) -> Callable[[Told, str], None]:
    return lambda told, text: _put(told.spec, path, read(text))


def _in_assets(path: str, read: Callable[[str], Any]) -> Callable[[Told, str], None]:
    return lambda told, text: _put(told.assets, path, read(text))


def _kilometres(told: Told, text: str) -> None:
    """More pipeline, with as many readings on each kilometre."""
    kilometres = _number(text)
    if not 0 < kilometres < math.inf:
        raise ValueError("a pipeline is longer than 0 km, and has an end")
    readings = round(told.spec["workload"]["readingsPerTick"] * kilometres / told.assets["kilometres"])
    if not 1 <= readings <= _MOST_READINGS:
        raise ValueError(f"that would be {readings:,} readings in a tick, expected 1 to {_MOST_READINGS:,}")
    told.assets["kilometres"] = kilometres
    told.spec["workload"]["readingsPerTick"] = readings


def _sampling(told: Told, text: str) -> None:
    policy, _, detail = text.partition(":")
    intake: dict[str, Any] = told.spec.setdefault("serving", {}).setdefault("intake", {})
    watched = intake.get("onChange") or {"features": [{"name": "any", "deadBand": 0}]}
    intake.pop("everyNth", None)
    intake.pop("onChange", None)
    intake["sampling"] = policy
    if policy == "EveryNth":
        intake["everyNth"] = _whole(detail or "10")
    elif detail:
        raise ValueError(f"{detail!r} is for EveryNth alone")
    elif policy == "OnChange":
        intake["onChange"] = watched


def _share(text: str) -> float:
    share = _number(text)
    if not 0 < share <= 1:
        raise ValueError(f"{text} is not a share above 0 and at most 1")
    return share


def _precision(told: Told, text: str) -> None:
    told.precision = _share(text)
    _put(told.assets, "maintenance.presentPrecision", told.precision)


def _recall(told: Told, text: str) -> None:
    told.recall = _share(text)


def _speed(told: Told, text: str) -> None:
    """A machine or an estimator that is so many times as fast."""
    factor = _number(text)
    if not 0 < factor < 1e6:
        raise ValueError(f"{text} is no factor above 0")
    each = told.throughput
    told.throughput = each.model_copy(
        update={
            **{
                name: getattr(each, name) / factor
                for name in (
                    "seconds_per_pass",
                    "seconds_per_request",
                    "seconds_per_reading",
                    "scoring_seconds_per_reading",
                )
            },
            "readings_per_second": each.readings_per_second * factor,
            "readings_per_second_per_core": each.readings_per_second_per_core * factor,
        }
    )


_A_DURATION = "a duration, such as 100ms"
KEYS: dict[str, _Key] = {
    "kilometres": _Key("km of pipeline, readings growing with them, such as 10000", _kilometres),
    "readingsPerTick": _Key("a whole number, such as 20000", _in_spec("workload.readingsPerTick", _whole)),
    "tick": _Key(_A_DURATION, _in_spec("workload.tick", _text)),
    "jitter": _Key("a duration, such as 20ms", _in_spec("workload.jitter", _text)),
    "deadline": _Key(_A_DURATION, _in_spec("workload.deadline", _text)),
    "meanDelay": _Key("a duration, such as 60ms", _in_assets("delivery.meanDelay", _text)),
    "requestReadings": _Key("a whole number, such as 100", _in_assets("delivery.requestReadings", _whole)),
    "sampling": _Key("All, EveryNth:10 or OnChange, such as EveryNth:10", _sampling),
    "maxReadings": _Key("a whole number, such as 16384", _in_spec("serving.batching.maxReadings", _whole)),
    "maxDelay": _Key("a duration, such as 2ms", _in_spec("serving.batching.maxDelay", _text)),
    "minReplicas": _Key("a whole number, such as 2", _in_spec("serving.scaling.minReplicas", _whole)),
    "survive": _Key("nothing, machine or zone, such as zone", _in_assets("goals.survive", _text)),
    "occupancy": _Key("a share of what a replica can do, such as 0.7", _in_assets("goals.occupancy", _number)),
    "onTime": _Key("a share of the readings, such as 0.999", _in_assets("goals.onTime", _number)),
    "speed": _Key("how many times as fast as measured, such as 0.5", _speed),
    "precision": _Key("a share, such as 0.75", _precision),
    "recall": _Key("a share, such as 0.6", _recall),
    "ledger": _Key("features, decisions or at-risk, such as decisions", _in_assets("ledger.policy", _text)),
    "years": _Key("whole years, such as 5", _in_assets("ledger.years", _whole)),
}
