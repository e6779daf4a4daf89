"""What a predictor is told: written as arguments by the operator and the runtime, read by the predictor."""

from __future__ import annotations

import ipaddress
import math
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from weld_api.arguments import Arguments, flag
from weld_api.quantity import Duration
from weld_api.shadow import SHADOW_FILE, SHADOW_FOLDER
from weld_api.spec import INPUT_NAME_PATTERN, SHA256_PATTERN, Batching, Intake, WeldModelSpec, Workload


def _checked_address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("is not an IP address: write one such as 0.0.0.0, 127.0.0.1 or ::") from None
    return text


def _checked_dead_bands(text: str) -> str:
    _dead_bands(text)
    return text


def _dead_bands(text: str) -> tuple[tuple[str, float], ...]:
    """`echo:0.5,gate:1` -> features and their dead bands. Raises ValueError, in one sentence, for anything else."""
    bands = [_dead_band(item) for item in text.split(",")] if text else []
    if len(bands) > MOST_WATCHED or len(dict(bands)) < len(bands):
        raise ValueError(f"names {len(bands)} features, expected at most {MOST_WATCHED}, each once")
    return tuple(bands)


def _dead_band(text: str) -> tuple[str, float]:
    name, _, width = text.partition(":")
    try:
        value = float(width)
    except ValueError:
        value = math.nan
    if not re.fullmatch(INPUT_NAME_PATTERN, name) or not 0 <= value < math.inf:
        raise ValueError(f"{text!r} is not a feature with its dead band: write one such as echo:0.5")
    return name, value


MOST_WATCHED = 8
"""Features of which changes are watched: what they were is remembered of every sensor."""


class PredictorSettings(Arguments):
    """Every setting of the predictor; each is one argument, `max_readings` being `--max-readings`."""

    program: ClassVar[str] = "predictor"

    model_name: Annotated[str, Field(min_length=1, description="Name in the inference paths: the WeldModel's name.")]
    digest: Annotated[str, Field(pattern=SHA256_PATTERN, description="SHA-256 of the bundle's manifest to insist on.")]
    version: Annotated[str, Field(description="Version that the bundle's card must state.")]
    asset_kind: Annotated[str, Field(description="Asset kind that the bundle's card must state.")]
    site: Annotated[str, Field(description="Site, for labels of metrics and logs.")]
    region: Annotated[str, Field(max_length=63, description="Region, for labels of metrics and logs.")] = ""
    tick: Duration = Workload.model_fields["tick"].default
    jitter: Duration = Workload.model_fields["jitter"].default
    deadline: Duration = Workload.model_fields["deadline"].default
    max_readings: Annotated[int, Field(ge=1)] = Batching.model_fields["max_readings"].default
    max_delay: Duration = Batching.model_fields["max_delay"].default
    queue_readings: Annotated[int, Field(ge=1)] = Batching.model_fields["queue_readings"].default
    sampling: Literal["All", "EveryNth", "OnChange"] = "All"
    every_nth: Annotated[int | None, Field(ge=2, le=10_000)] = None
    on_change: Annotated[
        str, AfterValidator(_checked_dead_bands), Field(description="Features and dead bands: echo:0.5,gate:1.")
    ] = ""
    longest_silence: Duration = Intake.model_fields["longest_silence"].default
    lateness: Duration | None = None
    late: Literal["Reserve", "Reject"] = "Reserve"
    most_sensors: Annotated[int, Field(ge=1, le=10_000_000, description="Sensors that are remembered, at most.")] = (
        Intake.model_fields["most_sensors"].default
    )
    bundle: Annotated[Path, Field(description="Folder of the bundle.")] = Path("/mnt/models")
    listen_address: Annotated[str, AfterValidator(_checked_address), Field(description="IP address to listen on.")] = (
        "0.0.0.0"
    )
    http_port: Annotated[
        int, Field(ge=0, le=65535, description="Port of REST and metrics; 0 takes a free one and logs it.")
    ] = 8080
    grpc_port: Annotated[
        int | None,
        Field(
            ge=0, le=65535, description="Port of gRPC; 0 takes a free one and logs it. Left out: gRPC is not spoken."
        ),
    ] = None
    drain: Annotated[
        Duration, Field(description="Time after SIGTERM in which requests still come and are answered.")
    ] = "5s"
    finish_within: Annotated[
        Duration, Field(description="Time after the drain in which requests under way may end.")
    ] = "10s"
    sensors: Annotated[
        Path | None,
        Field(description="File of the sensors that there are, one name a line; left out: every sensor is known."),
    ] = None
    shadow_folder: Annotated[
        Path, Field(description=f"Folder in whose {SHADOW_FILE} it stands whom to shadow, while there is such a file.")
    ] = Path(SHADOW_FOLDER)
    termination_log: Annotated[Path | None, Field(description="File that says why the predictor ended.")] = None

    @model_validator(mode="after")
    def _a_batch_fits_the_queue(self) -> Self:
        if self.max_readings > self.queue_readings:
            raise ValueError(
                f"--max-readings={self.max_readings} must not be above --queue-readings={self.queue_readings}"
            )
        return self

    @model_validator(mode="after")
    def _sampling_is_whole(self) -> Self:
        for sampling, argument, given in (
            ("EveryNth", "--every-nth", self.every_nth is not None),
            ("OnChange", "--on-change", bool(self.on_change)),
        ):
            if given is not (self.sampling == sampling):
                raise ValueError(f"{argument} must be given with --sampling={sampling}, and only then")
        return self

    @property
    def dead_bands(self) -> tuple[tuple[str, float], ...]:
        """Names of features, each with its dead band; with OnChange only."""
        return _dead_bands(self.on_change)

    @classmethod
    def for_model(cls, name: str, spec: WeldModelSpec) -> dict[str, Any]:
        """The settings that follow from a WeldModel; the others belong to the runtime."""
        return {
            "model_name": name,
            "digest": spec.model.sha256,
            "version": spec.model.version,
            "asset_kind": spec.asset.kind,
            "site": spec.asset.site,
            "tick": spec.workload.tick,
            "jitter": spec.workload.jitter,
            "deadline": spec.workload.deadline,
            "max_readings": spec.serving.batching.max_readings,
            "max_delay": spec.serving.batching.max_delay,
            "queue_readings": spec.serving.batching.queue_readings,
            **_intake(spec.serving.intake),
        }


def _intake(intake: Intake | None) -> dict[str, Any]:
    """Nothing where nothing is said of it, so that the arguments of those models stay as they are."""
    if intake is None:
        return {}
    watched = () if intake.on_change is None else intake.on_change.features
    settings = {
        "sampling": intake.sampling,
        "every_nth": intake.every_nth,
        "on_change": ",".join(f"{feature.name}:{feature.dead_band!r}" for feature in watched) or None,
        "longest_silence": intake.longest_silence,
        "lateness": intake.lateness,
        "late": intake.late,
        "most_sensors": intake.most_sensors,
    }
    return {name: value for name, value in settings.items() if value is not None}


def to_args(settings: dict[str, Any]) -> list[str]:
    """Arguments that `PredictorSettings.from_args` reads back, in the order of the fields."""
    order = [name for name in PredictorSettings.model_fields if name in settings]
    return [f"{flag(name)}={settings[name]}" for name in order]
