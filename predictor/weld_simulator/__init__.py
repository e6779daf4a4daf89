"""Fixed pulse-echo ultrasonic sensors on welds, simulated: A-scans, the truth behind them, and the features they give.

SI units throughout; levels in decibels; amplitudes relative to the digitiser's full scale.
"""
