"""Silos and tanks, simulated: wall thickness and fill level by ultrasound, and the truth behind them.

An inspection point is a place on a silo's wall, with a thickness gauge of its own; its reading brings what the silo's
level gauge says besides. SI units until `weld_simulator.silo.features`, whose columns state theirs.
"""
