"""A proxy in front of a real API server: it passes everything on, counts writes, and does harm as it is told."""
