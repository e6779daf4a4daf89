"""The contract: what users write, what the operator reports, what a bundle says of itself, what a predictor is told."""
