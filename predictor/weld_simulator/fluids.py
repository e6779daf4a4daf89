"""What the line carries: how it reflects sound at the wall's inside, and how much pressure it needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weld_simulator.digitiser import Float64
from weld_simulator.steel import DENSITY, VELOCITY


@dataclass(frozen=True, slots=True)
class Fluid:
    """Properties at 20 °C."""

    density: float
    """kg/m³"""
    velocity: float
    """Of sound, m/s."""
    viscosity: float
    """Kinematic, m²/s."""
    thinning: float
    """By how much the viscosity's logarithm falls with each K: `ν = ν₂₀ exp(-b (T - 20 °C))`, after Reynolds (1886)."""


CRUDE_OIL = Fluid(density=860.0, velocity=1_350.0, viscosity=20e-6, thinning=0.035)
CONDENSATE = Fluid(density=700.0, velocity=1_150.0, viscosity=0.8e-6, thinning=0.012)
"""Typical values; each field has its own."""


def wall_reflection(fluid: Fluid) -> float:
    """Amplitude that the wall's inside sends back, `(Z₁ - Z₂)/(Z₁ + Z₂)` (Krautkrämer & Krautkrämer, 1990, ch. 2)."""
    steel, inside = DENSITY * VELOCITY, fluid.density * fluid.velocity
    return (steel - inside) / (steel + inside)


def friction(fluid: Fluid, temperature: Float64, flow: Float64) -> Float64:
    """Loss of pressure along the pipe, relative to crude oil at 20 °C and full flow.

    Turbulent flow in a smooth pipe: `ρ^0.75 (ρν)^0.25 Q^1.75 = ρ ν^0.25 Q^1.75` (Blasius' law; White, Fluid Mechanics,
    8th ed., 2016, ch. 6). `temperature` in °C, `flow` 1 is full.
    """
    viscosity = fluid.viscosity * np.exp(-fluid.thinning * (temperature - 20))
    relative = viscosity / CRUDE_OIL.viscosity
    return np.asarray(fluid.density / CRUDE_OIL.density * relative**0.25 * flow**1.75)
