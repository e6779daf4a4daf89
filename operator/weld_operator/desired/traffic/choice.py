"""Which traffic backend a spec asks for."""

from __future__ import annotations

from weld_api.spec import Serving, WeldModelSpec
from weld_operator.desired.traffic.backend import TrafficBackend
from weld_operator.desired.traffic.gateway import GatewayBackend
from weld_operator.desired.traffic.knative import KnativeBackend
from weld_operator.desired.traffic.native import NativeBackend


def backend_of(spec: WeldModelSpec | None) -> TrafficBackend:
    """The backend of a spec; that of a spec which says nothing of it where there is none that can be read."""
    serving = Serving() if spec is None else spec.serving
    if serving.mode == "Knative":
        return KnativeBackend()
    return NativeBackend() if serving.traffic == "Native" else GatewayBackend()
