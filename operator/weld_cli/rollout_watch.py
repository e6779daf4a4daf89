"""`weldserve rollout status`: one picture, or one after the other until the trial is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live
from rich.text import Text

from weld_api.weld_model import WeldModel
from weld_cli.failures import CommandError
from weld_cli.rollout_cluster import Access, reached
from weld_cli.rollout_picture import Course, course_of, essence_of, picture

REFRESH_SECONDS = 1.0
FOR_EVER = 0.0

Show = Callable[[WeldModel], None]


async def show_status(name: str, access: Access) -> Course:
    """Print one picture."""
    async with reached(access) as (cluster, namespace):
        model = await cluster.model(namespace, name)
        print("\n".join(picture(model, datetime.now(UTC))))
        return course_of(model)


async def watch_status(name: str, access: Access, seconds: float) -> Course:
    """Show it as it changes, until the trial is over; raises CommandError after so many seconds (0: never)."""
    until = time.monotonic() + seconds
    async with reached(access) as (cluster, namespace):
        with _screen() as show:
            while True:
                model = await cluster.model(namespace, name)
                show(model)
                course = course_of(model)
                if course != "OnItsWay":
                    return course
                if seconds != FOR_EVER and time.monotonic() >= until:
                    raise CommandError(f"the trial of {namespace}/{name} is not over after {seconds:g} s")
                await asyncio.sleep(REFRESH_SECONDS)


@contextmanager
def _screen() -> Iterator[Show]:
    """A picture that renews itself on a terminal; elsewhere one for each change that is more than time and numbers."""
    console = Console()
    if not console.is_terminal:
        yield _printer()
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda model: live.update(_text(model), refresh=True)


def _text(model: WeldModel) -> Text:
    return Text("\n".join(picture(model, datetime.now(UTC))), no_wrap=True, overflow="ellipsis")


def _printer() -> Show:
    shown: list[object] = []

    def show(model: WeldModel) -> None:
        essence = essence_of(model)
        if shown != [essence]:
            shown[:] = [essence]
            print("\n".join((*picture(model, datetime.now(UTC)), "")), flush=True)

    return show
