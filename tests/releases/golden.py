"""The files of a release: its fleet as it left it in a cluster, and its definition of the WeldModel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from tests.releases.fleet import samples
from tests.releases.playing import Play, played
from weld_api.crd import custom_resource_definition
from weld_operator.desired.target import Target
from weld_operator.kinds import Object

FOLDER = Path(__file__).parent
DEFINITION = "definition.yaml"
FLEET = "fleet"


@dataclass(frozen=True)
class Recorded:
    """One WeldModel with the status that a release wrote, what that release made of it, and for which installation."""

    target: Target
    weld_model: Object
    objects: list[Object]

    @property
    def name(self) -> str:
        return str(self.weld_model["metadata"]["name"])

    @property
    def ready(self) -> dict[str, int]:
        """Ready replicas of each revision, by name."""
        revisions = self.weld_model["status"]["revisions"]
        return {each["name"]: each["readyReplicas"] for each in revisions if each["readyReplicas"]}


def releases() -> list[str]:
    """The recorded releases, oldest first."""
    found = [path.name for path in FOLDER.iterdir() if (path / DEFINITION).is_file()]
    return sorted(found, key=lambda version: tuple(int(part) for part in version.split(".")))


def last_release() -> str:
    return releases()[-1]


def definition_of(release: str) -> Object:
    """The CustomResourceDefinition of a release."""
    body: Object = yaml.safe_load((FOLDER / release / DEFINITION).read_text())
    return body


def fleet_of(release: str) -> list[Recorded]:
    """The fleet of a release."""
    files = sorted((FOLDER / release / FLEET).glob("*.yaml"))
    return [_recorded(yaml.safe_load(file.read_text())) for file in files]


def _recorded(document: Object) -> Recorded:
    return Recorded(Target(**document["target"]), document["weldModel"], document["objects"])


async def present_fleet() -> list[Recorded]:
    """The fleet as the present code would leave it."""
    return [_after(await played(sample), sample.target) for sample in samples()]


async def taken_over(recorded: Recorded) -> tuple[Recorded, list[str]]:
    """What the present operator makes of what a release left, and the reasons of the Events that it posts."""
    play = Play(recorded.name, recorded.target)
    await play.give(recorded.weld_model, recorded.objects)
    play.serve(recorded.ready)
    play.cluster.writes.clear()
    await play.settle()
    return _after(play, recorded.target), play.told()


def _after(play: Play, target: Target) -> Recorded:
    return Recorded(target, play.weld_model(), play.objects())


def write_release(release: str, fleet: list[Recorded]) -> Iterator[Path]:
    """Write the files of a release; gives each path. Raises FileExistsError for one that is recorded already."""
    folder = FOLDER / release
    (folder / FLEET).mkdir(parents=True)
    yield _write(folder / DEFINITION, custom_resource_definition())
    for each in fleet:
        document = {"target": asdict(each.target), "weldModel": each.weld_model, "objects": each.objects}
        yield _write(folder / FLEET / f"{each.name}.yaml", document)


def _write(path: Path, document: Object) -> Path:
    path.write_text(yaml.dump(document, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True))
    return path


class _Plain(yaml.SafeDumper):
    """No anchors: a person reads the file."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the signature is yaml's
        return True
