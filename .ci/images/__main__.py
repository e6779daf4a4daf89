"""`python .ci/images`: build the operator's and the predictor's image from pinned wheels."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tomllib
from datetime import UTC, datetime

from builder import Builder, BuildError
from wheelhouse import ROOT, Ingredients, WheelhouseError, gather

EXTRAS = {"operator": ("operator",), "predictor": ("predictor", "tracing")}


def main() -> int:
    """Build what the arguments name; the exit code."""
    parser = argparse.ArgumentParser(prog="images", description="Build the product's images, without a network.")
    parser.add_argument("--python-image", help="the base, instead of the Dockerfile's: an image with python3")
    parser.add_argument("--python", default="3.11", help="version of that base's Python (3.11)")
    parser.add_argument("--tag", default="", help="the images' tag (the product's version)")
    parser.add_argument("--prefix", default="weldserve", help="what comes before /operator and /predictor")
    parser.add_argument("--build-flags", default="", help="further flags of the builder, in one word")
    parser.add_argument("names", nargs="*", metavar="IMAGE", help="operator, predictor; both by default")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.names if name not in EXTRAS]:
        parser.error(f"{unknown[0]} is not one of {', '.join(EXTRAS)}")
    try:
        builder = Builder.found(tuple(shlex.split(chosen.build_flags)))
        for name in chosen.names or EXTRAS:
            print(_build(builder, name, chosen), flush=True)
    except (BuildError, WheelhouseError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _build(builder: Builder, name: str, chosen: argparse.Namespace) -> str:
    """Gather and build; gives the image's name."""
    epoch = int(_git("log", "-1", "--format=%ct"))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    context = ROOT / "build" / "images" / name
    gather(Ingredients(name, EXTRAS[name], chosen.python), context, epoch)
    arguments = {
        "VERSION": version,
        "REVISION": _git("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"),
        "CREATED": datetime.fromtimestamp(epoch, UTC).isoformat(),
    }
    if chosen.python_image:
        arguments["PYTHON_IMAGE"] = chosen.python_image
    image = f"{chosen.prefix}/{name}:{chosen.tag or version}"
    builder.build(ROOT / name / "Dockerfile", context, image, arguments, epoch)
    return image


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
