"""`python -m tests.sandbox.demo [--keep]`: start the rig, tell the story, and end with every process gone."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from tests.sandbox.demo.live_view import LiveView
from tests.sandbox.demo.preparation import Bundles, curl, make_readings
from tests.sandbox.demo.story import FIRST, MODEL, NAMESPACE, NEXT, WRONG, Story
from tests.sandbox.helm import HelmError
from tests.sandbox.process import ProcessError
from tests.sandbox.rig import Rig
from tests.sandbox.tools import ToolError
from tests.sandbox.waiting import WaitError


async def run(folder: Path, *, keep: bool, stream_seconds: float) -> bool:
    """The whole demonstration; true when everything went as it should, and no reading stayed without an answer."""
    view = LiveView(Console())
    view.say("training the bundles, while the rig starts")
    bundles = Bundles(folder / "trained", (FIRST, NEXT), WRONG)
    async with await Rig.start(folder, say=lambda part: view.say(f"starting {part}")) as rig:
        view.say("simulating readings")
        readings = await asyncio.to_thread(make_readings)
        story = Story(rig, bundles, readings, view)
        complete = await story.tell(stream_seconds)
        view.say(view.summary(story.stream.tally))
        if keep:
            await _keep(rig, view, curl(rig.endpoint(NAMESPACE, MODEL), readings))
        view.say("ending every process")
    view.say("ended" if complete else "ended, but not as it should")
    return complete


async def _keep(rig: Rig, view: LiveView, command: str) -> None:
    """Tell how to reach what runs, and wait for Ctrl-C."""
    ending = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    endpoint = rig.endpoint(NAMESPACE, MODEL)
    view.say("the rig stays up until Ctrl-C")
    print(f"\nexport KUBECONFIG={rig.plane.kubeconfig}\n{rig.plane.tools['kubectl']} get wm -A")
    print(f"\nendpoint: {endpoint.url} (Host: {endpoint.host})\n\n{command}\n", flush=True)
    await ending.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it up at the end, until Ctrl-C")
    parser.add_argument("--seconds", type=float, default=10, help="how long to stream between the steps")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="weldserve-demo-"))
    try:
        complete = asyncio.run(run(folder, keep=arguments.keep, stream_seconds=arguments.seconds))
    except (ToolError, ProcessError, HelmError, WaitError, RuntimeError) as error:
        print(f"the demonstration failed: {error}\nlogs: {folder}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    with suppress(OSError):
        shutil.rmtree(folder)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
