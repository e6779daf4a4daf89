"""A stand-in for a Gateway API implementation: Caddy as the data plane, programmed from HTTPRoutes by this controller.

It looks Pods up itself, since EndpointSlices refuse loopback addresses. Not done: HTTPS, ReferenceGrants, listeners
chosen by namespace selector, filters other than header modifiers, sessions.
"""
