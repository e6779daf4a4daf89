"""`python3 -m weld_predictor --bundle=... --model-name=... --digest=...`: serve one bundle until SIGTERM."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from weld_api.predictor_settings import PredictorSettings
from weld_bundle.errors import BundleError
from weld_predictor.admission import admit
from weld_predictor.intake.policy import Policy, PolicyError
from weld_predictor.intake.sensors import KnownSensors, SensorListError
from weld_predictor.listening import AddressError, allow_connections, listen
from weld_predictor.logs import configure_logging
from weld_predictor.termination import say_why

EXIT_NO_ADDRESS = 1
EXIT_WRONG_ARGUMENTS = 2
EXIT_BUNDLE_REFUSED = 3

_OPENMP_THREADS = "OMP_NUM_THREADS"
"""One thread by default. A boosting of 100 trees starts and joins its threads 100 times a pass, and they wait by
spinning: on cores that others use too, one reading took 53 ms (median) and up to 1 s with two threads, 1.6 ms with one.
"""

_LOG_FIELDS = {"model": "model_name", "version": "version", "site": "site", "region": "region"}
"""Settings in each line of the log, by their name there."""

_TERMINATION_LOG = "--termination-log="


def main(arguments: Sequence[str]) -> int:
    """Serve until interrupted; the exit code is 0 after a drain."""
    try:
        settings = PredictorSettings.from_args(arguments)
    except ValueError as error:
        configure_logging({})
        say_why(str(error), _termination_log(arguments))
        return EXIT_WRONG_ARGUMENTS
    configure_logging({name: getattr(settings, setting) for name, setting in _LOG_FIELDS.items()})
    try:
        _serve(settings)
    except BundleError as error:
        say_why(str(error), settings.termination_log)
        return EXIT_BUNDLE_REFUSED
    except (SensorListError, PolicyError) as error:
        say_why(str(error), settings.termination_log)
        return EXIT_WRONG_ARGUMENTS
    except AddressError as error:
        say_why(str(error), settings.termination_log)
        return EXIT_NO_ADDRESS
    logging.getLogger("weld_predictor").info("ended")
    return 0


def _serve(settings: PredictorSettings) -> None:
    card = admit(settings)
    policy = Policy.of(settings, card)
    allow_connections()
    os.environ.setdefault(_OPENMP_THREADS, "1")
    # KServe and scikit-learn take seconds to import: a bundle that is refused does without.
    from weld_predictor.server import PredictorServer
    from weld_predictor.tracing import exported_traces

    sensors = None if settings.sensors is None else KnownSensors.read(settings.sensors)
    labels = {name: getattr(settings, setting) for name, setting in _LOG_FIELDS.items()}
    with listen(settings.listen_address, settings.http_port) as listener, exported_traces(labels) as traces:
        PredictorServer(settings, card, traces, sensors, policy).run(listener)


def _termination_log(arguments: Sequence[str]) -> Path | None:
    """The file of `--termination-log=`, when the arguments as a whole cannot be read."""
    files = [argument.removeprefix(_TERMINATION_LOG) for argument in arguments if argument.startswith(_TERMINATION_LOG)]
    return Path(files[-1]) if files else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
