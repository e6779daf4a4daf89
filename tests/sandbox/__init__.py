"""The rig: a real control plane as processes on loopback, and beside it what a cluster would bring."""
