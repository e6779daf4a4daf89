"""Shadowing: what was scored here is scored by the candidate too, and the two answers are compared."""
