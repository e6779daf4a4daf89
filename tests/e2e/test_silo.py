"""Silos are served as welds are: another bundle, another simulator, and the same operator and predictor."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.sandbox.demo.preparation import weldserve
from tests.sandbox.open_inference import Answer, decode, encode
from tests.sandbox.rig import Rig
from tests.sandbox.sensor_stream import Readings, SensorStream
from tests.sandbox.waiting import wait_for
from tests.sandbox.weld_models import AppliedWeldModel
from weld_bundle.loading import Bundle, load
from weld_simulator.silo.features import INPUTS, columns_of
from weld_simulator.silo.readings import measure_silo
from weld_simulator.silo.site import POSITIONS, SiloSite

Trained = dict[str, tuple[Path, str]]

SITE = SiloSite("mill", 2026, silos=40)
"""A site that the bundle was not trained on."""
NAMES = [each.name for each in INPUTS]
CONTEXT = "expected_change"
MISSING_CONTEXT, OUT_OF_RANGE = 32, 4
NAMED_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class Served:
    """The example, served, and its bundle."""

    model: AppliedWeldModel
    bundle: Bundle


@pytest.fixture(scope="module")
async def served(rig: Rig) -> AsyncIterator[Served]:
    folder = rig.bundles / "silo-1.0.0"
    await weldserve("bundle", "train-first", "--kind=Silo", f"--out={folder}")
    digest = json.loads(await weldserve("bundle", "show", str(folder), "--json"))["sha256"]
    model = AppliedWeldModel(rig, "plant-a", "mill", file="silo.yaml")
    await model.apply("1.0.0", digest, uri="pvc://bundles/silo-1.0.0")
    await model.until_stable("1.0.0")
    yield Served(model, load(folder, digest))
    await model.delete()


def _columns(ticks: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Columns `[ticks, points, inputs]` and the truth `[ticks, points]`, years apart."""
    begun: datetime = SITE.commissioned
    instants = [SITE.tick_at(begun + timedelta(days=3000 + 1000 * number)) for number in range(ticks)]
    measured = [[measure_silo(SITE, number, tick) for number in range(SITE.silos)] for tick in instants]
    return (
        np.stack([np.concatenate([columns_of(each) for each in silos]) for silos in measured]),
        np.stack([np.concatenate([each.at_risk for each in silos]) for silos in measured]),
    )


def _risk(bundle: Bundle, columns: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(bundle.estimator.predict_proba(columns)[:, 1])


async def _ask(rig: Rig, columns: NDArray[np.float32]) -> Answer:
    """Through the gateway, columns `[N, inputs]` of sensors that nobody has read before."""
    endpoint, count = rig.endpoint("plant-a", "mill"), len(columns)
    now = time.time_ns() // 1_000_000
    request = encode(
        {
            "features": columns[:, [name != CONTEXT for name in NAMES]],
            CONTEXT: columns[:, NAMES.index(CONTEXT)],
            "sensor_id": now * 1000 + np.arange(count, dtype=np.int64),
            "sampled_at": np.full(count, now, dtype=np.int64),
        },
        request_id="silos",
    )
    async with (
        aiohttp.ClientSession() as session,
        session.post(endpoint.url, data=request.body, headers={**request.headers, "Host": endpoint.host}) as response,
    ):
        content = await response.read()
        assert response.status == 200, content
        return decode(content, response.headers)


async def test_readings_of_silos_are_answered_as_by_the_estimator_in_process(rig: Rig, served: Served) -> None:
    columns, _ = await asyncio.to_thread(_columns, 1)
    answer = await _ask(rig, columns[0])
    risk = _risk(served.bundle, columns[0])
    assert np.allclose(answer.outputs["risk"], risk, atol=1e-6)
    decided = risk >= served.bundle.card.decision_threshold
    assert answer.outputs["decision"].astype(bool).tolist() == decided.tolist()
    unknown = np.isnan(columns[0][:, NAMES.index(CONTEXT)])
    assert unknown.any()
    assert answer.outputs["flags"].tolist() == np.where(unknown, MISSING_CONTEXT, 0).tolist()


@pytest.mark.usefixtures("served")
async def test_a_reading_that_no_gauge_can_mean_is_flagged_and_spoils_no_other(rig: Rig) -> None:
    columns, _ = await asyncio.to_thread(_columns, 1)
    hot = columns[0].copy()
    hot[3, NAMES.index("wall_temperature")] = 500.0
    plain, answer = await _ask(rig, columns[0]), await _ask(rig, hot)
    assert (answer.outputs["flags"] & OUT_OF_RANGE).nonzero()[0].tolist() == [3]
    others = np.arange(len(hot)) != 3
    assert answer.outputs["risk"][others].tolist() == plain.outputs["risk"][others].tolist()


async def test_a_stream_of_silo_readings_is_decided_as_in_process(rig: Rig, served: Served) -> None:
    columns, at_risk = await asyncio.to_thread(_columns, 2)
    readings = Readings(
        features=columns[..., [name != CONTEXT for name in NAMES]],
        at_risk=at_risk,
        sensor_ids=np.arange(SITE.silos * POSITIONS, dtype=np.int64),
        context={CONTEXT: columns[..., NAMES.index(CONTEXT)]},
    )
    tally = await SensorStream(rig.endpoint("plant-a", "mill"), readings, gateways=10).run(requests_each=4)
    decided = np.stack([_risk(served.bundle, tick) for tick in columns]) >= served.bundle.card.decision_threshold
    assert (tally.wrong, tally.unanswered) == ([], 0)
    assert tally.by_version == {"1.0.0": 4 * SITE.silos * POSITIONS}
    found = tally.true_positives, tally.false_positives, tally.false_negatives
    # Each tick was sent twice.
    assert found == tuple(2 * int(each.sum()) for each in (decided & at_risk, decided & ~at_risk, ~decided & at_risk))
    assert tally.true_positives > 0


async def test_a_bundle_of_welds_is_refused_for_silos(rig: Rig, served: Served, trained: Trained) -> None:
    mistaken = AppliedWeldModel(rig, "plant-a", "mistaken", file="silo.yaml")
    await mistaken.apply("1.0.0", trained["1.0.0"][1])
    try:
        condition = await wait_for(
            lambda: mistaken.condition("Progressing"),
            lambda entry: "asset kind" in entry.get("message", ""),
            seconds=NAMED_WITHIN_SECONDS,
            what="condition that names the asset kind",
        )
        assert condition["message"].endswith(
            "the bundle's card states asset kind PipelineWeld, but Silo was asked for"
        ), condition["message"]
        assert (await served.model.condition("Serving"))["status"] == "True"
    finally:
        await mistaken.delete()
