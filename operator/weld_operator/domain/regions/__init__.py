"""Regions: which bundle each is asked for, who carries whose share, and what is published of it."""
