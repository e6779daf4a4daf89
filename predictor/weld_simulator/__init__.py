"""Fixed ultrasonic sensors, simulated: readings, the truth behind them, and what a model is told.

The modules of this folder are about welds of pipelines (A-scans, flaws, features); `silo` is about silos and tanks.
Both take `streams`, `steel`, `beam` and `weather` from here, as any kind of asset takes `kind`, `kinds` and `training`.

SI units throughout; levels in decibels; amplitudes relative to the digitiser's full scale.
"""
