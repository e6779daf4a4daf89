"""Requests to a predictor process that serves the model north-line."""

from __future__ import annotations

import time

import httpx

from tests.unit.predictor.requests import Body

INFER = "/v2/models/north-line/infer"


async def infer(client: httpx.AsyncClient, body: Body, path: str = INFER) -> httpx.Response:
    content, json_length = body
    headers = {} if json_length is None else {"Inference-Header-Content-Length": json_length}
    return await client.post(path, content=content, headers=headers)


def now() -> int:
    return time.time_ns() // 1_000_000
