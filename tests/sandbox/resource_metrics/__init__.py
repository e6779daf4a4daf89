"""A stand-in for metrics-server: `metrics.k8s.io` for the Pods of the rig, from the machine's process table."""
