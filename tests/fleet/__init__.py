"""A fleet of WeldModels on a real API server: how its operator starts, reacts and rests, and how that grows."""
