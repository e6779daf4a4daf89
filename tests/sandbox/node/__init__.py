"""A stand-in for a node and its kubelet: Pods run as processes of this machine, each Pod at a loopback address.

What a container's namespaces would do is done by substitution (see `substitution`). Not done: isolation, resource
limits, read-only mounts, live updates of mounted ConfigMaps and Secrets, activeDeadlineSeconds, logs for kubectl,
sidecar init containers, postStart hooks.
"""
