"""`python -m weld_operator --name=value ...`"""

from __future__ import annotations

import asyncio
import logging
import sys

from weld_operator.adapters.connection import NoConnectionError
from weld_operator.logs import log_as_json
from weld_operator.program import run
from weld_operator.settings import OperatorSettings

_log = logging.getLogger("weld_operator")


def main(argv: list[str]) -> int:
    """Exit status: 0 after a signal, 1 after the loss of the Lease, 2 for settings that cannot work."""
    if "--help" in argv or "-h" in argv:
        print(OperatorSettings.arguments_help())
        return 0
    try:
        settings = OperatorSettings.from_args(argv)
    except ValueError as error:
        print(f"weld_operator: {error}", file=sys.stderr)
        return 2
    log_as_json(settings.log_level)
    try:
        asyncio.run(run(settings))
    except (NoConnectionError, OSError) as error:
        print(f"weld_operator: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
