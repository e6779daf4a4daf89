"""A stand-in for KServe's controller and webhooks, held to recordings of the real ones (tests/contract/recordings)."""
