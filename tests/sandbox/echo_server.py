"""A tiny HTTP server for tests of the rig: it says who answers, and ends in order at SIGTERM.

`python3 -m tests.sandbox.echo_server --listen=0.0.0.0`: each answer has the name of the Pod and the request's headers.
"""

from __future__ import annotations

import argparse
import os

from aiohttp import web


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.echo_server")
    parser.add_argument("--listen", required=True, help="address")
    parser.add_argument("--port", type=int, default=8080)
    return parser.parse_known_args()[0]  # a predictor's arguments may follow


def application() -> web.Application:
    """The server; an answer is JSON with `pod` and `headers`, whose names are in lower case."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        headers = {key.lower(): value for key, value in request.headers.items()}
        return web.json_response({"pod": os.environ.get("HOSTNAME"), "headers": headers})

    async def say_goodbye(_: web.Application) -> None:
        print("ended in order", flush=True)

    server = web.Application()
    server.router.add_route("*", "/{path:.*}", answer)
    server.on_cleanup.append(say_goodbye)
    return server


if __name__ == "__main__":
    given = _arguments()
    web.run_app(application(), host=given.listen, port=given.port, print=None)
