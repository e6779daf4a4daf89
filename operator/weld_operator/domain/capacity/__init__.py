"""What a model needs, what it withstands and what it costs: pure reckoning, by formulas with their sources."""
