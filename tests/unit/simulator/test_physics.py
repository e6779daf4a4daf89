"""Echoes are where physics puts them, and as loud."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from weld_simulator.beam import near_field_length, wall_response
from weld_simulator.digitiser import SAMPLES, SAMPLING_RATE, Float64
from weld_simulator.echoes import Beam, Spectrum, flaw_echoes, flaw_shadow, wall_echoes
from weld_simulator.features import FEATURES, extract
from weld_simulator.flaws import REJECTED_SIZE, FlawKind, Flaws, at_risk
from weld_simulator.pulse import FIRST_BIN, LAST_BIN, pulse_spectrum
from weld_simulator.readings import measure
from weld_simulator.site import Sensors, Site
from weld_simulator.steel import VELOCITY, attenuation

COLUMN = {feature.name: index for index, feature in enumerate(FEATURES)}


def sensors(count: int, grain: float = 30e-6) -> Sensors:
    def all_of(value: float) -> Float64:
        return np.full(count, value)

    return Sensors(
        ordered_wall=all_of(15e-3),
        wall=all_of(15e-3),
        grain=all_of(grain),
        centre=all_of(5e6),
        bandwidth=all_of(0.55),
        diameter=all_of(8e-3),
        ringing=all_of(0.08e-6),
        gain=all_of(0),
        coupling_loss=all_of(0),
        noise=all_of(1e-3),
        warming=all_of(0),
        pressing=all_of(0),
        drying=all_of(0),
        paint=all_of(0),
        exposure=all_of(0),
        roughness=all_of(0),
        roughening=all_of(0),
        corrosion=all_of(0),
    )


def beam(count: int, grain: float = 30e-6, temperature: float = 20.0) -> Beam:
    these = sensors(count, grain)
    return Beam.of(these, pulse_spectrum(these.centre, these.bandwidth), np.full(count, temperature))


def flaws(kind: FlawKind, size: Float64, depth: float = 10e-3, tilt: float = 0.0) -> Flaws:
    count = len(size)
    return Flaws(np.full(count, kind, dtype=np.int8), size, np.full(count, depth), np.full(count, tilt), np.ones(count))


def in_time(spectrum: Spectrum) -> NDArray[np.float64]:
    whole = np.zeros((len(spectrum), SAMPLES // 2 + 1), dtype=np.complex64)
    whole[:, FIRST_BIN:LAST_BIN] = spectrum
    return np.asarray(np.fft.irfft(whole, n=SAMPLES, axis=1))


def loudness(spectrum: Spectrum) -> NDArray[np.float64]:
    return np.asarray(np.abs(in_time(spectrum)).max(axis=1))


def test_a_pulse_peaks_at_one() -> None:
    pulses = pulse_spectrum(np.array([4.5e6, 5e6, 5.5e6]), np.array([0.4, 0.55, 0.7]))
    np.testing.assert_allclose(loudness(pulses.astype(np.complex64)), 1, rtol=1e-3)


def test_a_pulse_has_fallen_to_half_at_its_bandwidth() -> None:
    pulse = pulse_spectrum(np.array([5e6]), np.array([0.5]))[0]
    frequency = np.arange(FIRST_BIN, LAST_BIN) * SAMPLING_RATE / SAMPLES
    assert np.interp(5e6 * 1.25, frequency, pulse) / pulse.max() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("depth", [5e-3, 10e-3, 20e-3])
def test_an_echo_comes_after_the_time_to_its_depth_and_back(depth: float) -> None:
    echo = in_time(flaw_echoes(beam(1), flaws(FlawKind.LACK_OF_FUSION, np.array([3e-3]), depth)))[0]
    assert np.argmax(np.abs(echo)) / SAMPLING_RATE == pytest.approx(2 * depth / VELOCITY, abs=0.03e-6)


@pytest.mark.parametrize("kind", [FlawKind.CRACK, FlawKind.LACK_OF_FUSION, FlawKind.POROSITY, FlawKind.SLAG])
def test_a_larger_flaw_is_louder_and_shadows_more(kind: FlawKind) -> None:
    sizes = np.linspace(0.5e-3, 5e-3, 10)
    these = flaws(kind, sizes)
    assert (np.diff(loudness(flaw_echoes(beam(10), these))) > 0).all()
    assert (np.diff(flaw_shadow(beam(10), these)) > 0).all()


def test_a_small_disc_follows_the_distance_gain_size_law() -> None:
    # Over a plane wall at the same depth: 2S / (wavelength * depth), in the far field.
    depth, size = 20e-3, 1e-3
    wall = loudness(wall_echoes(beam(1), np.array([depth]), np.zeros(1)))
    disc = loudness(flaw_echoes(beam(1), flaws(FlawKind.CRACK, np.array([size]), depth)))
    expected = 2 * (np.pi * size**2 / 4) / (VELOCITY / 5e6 * depth)
    assert disc / wall == pytest.approx(expected, rel=0.1)


def test_no_flaw_is_louder_than_a_wall_in_its_place() -> None:
    huge = flaws(FlawKind.LACK_OF_FUSION, np.array([50e-3]))
    assert loudness(flaw_echoes(beam(1), huge)) <= loudness(wall_echoes(beam(1), huge.depth, np.zeros(1))) * 1.001


def test_a_planar_flaw_that_is_tilted_is_quieter_and_never_silent() -> None:
    heard = [loudness(flaw_echoes(beam(1), flaws(FlawKind.CRACK, np.array([4e-3]), tilt=t)))[0] for t in (0, 0.1, 0.2)]
    assert heard[0] > heard[1] > heard[2] > 0.01 * heard[0]


def test_coarse_grain_lowers_the_back_wall_and_its_high_frequencies_most() -> None:
    fine, coarse = (wall_echoes(beam(1, grain), np.array([15e-3]), np.zeros(1)) for grain in (20e-6, 60e-6))
    assert loudness(coarse) < loudness(fine)
    ratio = np.abs(coarse[0]) / np.abs(fine[0])
    assert ratio[-1] < ratio[0] < 1


def test_attenuation_is_that_of_fine_grained_steel() -> None:
    decibel_per_metre = attenuation(np.array([5e6]), np.array([30e-6]))[0, 0] * 20 / np.log(10)
    assert 10 <= decibel_per_metre <= 20


def test_a_shadow_lowers_the_back_wall() -> None:
    echoes = loudness(wall_echoes(beam(3), np.full(3, 15e-3), np.array([0.0, 0.3, 0.9])))
    assert echoes[0] > echoes[1] > echoes[2]
    assert echoes[1] / echoes[0] == pytest.approx(0.49, rel=0.01)


def test_the_beam_spreads_beyond_its_near_field() -> None:
    near_field = near_field_length(np.array([8e-3]), np.array([5e6]))
    assert near_field == pytest.approx(13.5e-3, rel=0.01)
    far = wall_response(np.array([200e-3]), near_field) / wall_response(np.array([400e-3]), near_field)
    assert far == pytest.approx(2, rel=0.01)


def test_an_echo_beyond_the_window_does_not_come_back_at_its_start() -> None:
    echo = in_time(wall_echoes(beam(1), np.array([29.9e-3]), np.zeros(1)))[0]
    assert np.abs(echo[:100]).max() < 1e-3


def test_at_risk_means_a_flaw_of_the_rejected_size() -> None:
    for kind, size in REJECTED_SIZE.items():
        assert at_risk(flaws(kind, np.array([0.99 * size, size, 1.01 * size]))).tolist() == [False, True, True]
    assert not at_risk(flaws(FlawKind.NONE, np.array([0.0]))).any()


def test_features_find_clear_flaws_at_their_depth_and_walls_at_their_thickness() -> None:
    site = Site("line", seed=3, size=2000)
    features = np.concatenate([extract(chunk.ascans) for chunk in measure(site, tick=0)])
    flaws, paint = site.flaws, 2 * site.sensors.paint / 2_300.0
    depth = (features[:, COLUMN["flaw_time"]] * 1e-6 - paint) * VELOCITY / 2
    clear = (features[:, COLUMN["flaw_to_noise"]] > 16) & np.isin(flaws.kind, [1, 2, 4])
    assert clear.sum() > 30
    assert np.median(np.abs(depth[clear] - flaws.depth[clear])) < 0.1e-3
    sound = flaws.kind == FlawKind.NONE
    wall = (features[:, COLUMN["wall_time"]] * 1e-6 - paint) * VELOCITY / 2
    assert np.quantile(np.abs(wall - site.sensors.wall)[sound], 0.99) < 0.3e-3
