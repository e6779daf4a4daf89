"""Which programs the rig takes, and what it says when it can have none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.tools import (
    MODULES,
    TOOLS,
    ToolError,
    ensure,
    go_is_older,
    required_go,
    required_version,
    stated_version,
)

GO_MOD = """module example.test/tools

go 1.26.0

require (
	example.test/other/v3 v3.0.1 // indirect
	example.test/program v1.2.3 // indirect
)

replace example.test/program/api v0.0.0 => example.test/program/api v0.2.3
"""


def test_the_version_is_the_one_that_go_mod_requires() -> None:
    assert required_version(GO_MOD, "example.test/program") == "1.2.3"


def test_a_requirement_on_one_line_is_read() -> None:
    assert (
        required_version("module m\n\nrequire example.test/program v0.9.0-rc.1\n", "example.test/program")
        == "0.9.0-rc.1"
    )


def test_a_module_that_is_only_replaced_is_not_required() -> None:
    with pytest.raises(ValueError, match=r"does not require example\.test/program/api"):
        required_version(GO_MOD, "example.test/program/api")


def test_the_go_version_is_read() -> None:
    assert required_go(GO_MOD) == "1.26.0"


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("Kubernetes v1.37.2\n", "1.37.2"),
        ("Kubernetes v1.37.2-rc.0\n", "1.37.2-rc.0"),
        ("Client Version: v1.37.2\nKustomize Version: v5.8.0\n", "1.37.2"),
        ("etcd Version: 3.6.6\nGit SHA: Not provided\nGo Version: go1.26.8\n", "3.6.6"),
        ("v2.11.9 h1:e6nPbu7eHLHdZ0lXAKBLOGDMsd1HXbSSbqdMPaM1yqo=\n", "2.11.9"),
        ("unknown\n", None),
    ],
)
def test_a_program_states_its_version(answer: str, version: str | None) -> None:
    assert stated_version(answer) == version


@pytest.mark.parametrize(
    ("version", "older"),
    [
        ("go1.25.11", True),
        ("go1.9", True),
        ("go1.26.0", False),
        ("go1.26", False),
        ("go1.26rc1", False),
        ("go2.0", False),
    ],
)
def test_versions_of_go_are_compared_as_numbers(version: str, older: bool) -> None:
    assert go_is_older(version, "1.26.0") is older


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_each_tool_is_pinned_with_checksums(tool: object) -> None:
    assert isinstance(tool, type(TOOLS["etcd"]))
    assert tool.version()
    assert tool.package in (MODULES / tool.folder / "go.mod").read_text()
    assert f"{tool.module} v{tool.version()} h1:" in (MODULES / tool.folder / "go.sum").read_text()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], Path]:
    """Puts a shell script where a program could be; nothing else is found."""
    for name in ("path", "assets"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def put(folder: str, name: str, script: str) -> Path:
        path = tmp_path / folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put


PutProgram = Callable[[str, str, str], Path]
ETCD = TOOLS["etcd"].version()


def test_a_program_on_path_of_the_pinned_version_is_taken(program: PutProgram) -> None:
    installed = program("path", "etcd", f"echo etcd Version: {ETCD}")
    assert ensure(["etcd"]) == {"etcd": installed}


def test_the_assets_folder_comes_before_path(program: PutProgram) -> None:
    program("path", "etcd", f"echo etcd Version: {ETCD}")
    assets = program("assets", "etcd", f"echo etcd Version: {ETCD}")
    assert ensure(["etcd"]) == {"etcd": assets}


def test_a_program_of_another_version_is_passed_over(program: PutProgram) -> None:
    program("path", "etcd", "echo etcd Version: 3.5.0")
    with pytest.raises(ToolError, match=rf"^etcd {ETCD} is not installed .* there is no go on PATH$"):
        ensure(["etcd"])


def test_an_old_go_is_named(program: PutProgram) -> None:
    program("path", "go", "echo go1.20.1")
    with pytest.raises(ToolError, match=r"needs Go 1\.26\.0 or newer, but the go on PATH is go1\.20\.1$"):
        ensure(["etcd"])


# A stand-in for Go: its build writes a program that states a version, and notes that it was asked.
BUILDING_GO = """[ "$1" = env ] && {{ echo go1.26.8; exit; }}
echo built >> "$XDG_CACHE_HOME/builds"
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho etcd Version: {version}\\n' > "$2"
/bin/chmod +x "$2"
"""


def test_a_program_is_built_once_and_then_found_in_the_cache(program: PutProgram, tmp_path: Path) -> None:
    program("path", "go", BUILDING_GO.format(version=ETCD))
    first = ensure(["etcd"])
    assert first == {"etcd": tmp_path / "cache" / "weldserve" / "tools" / f"etcd-{ETCD}" / "etcd"}
    assert ensure(["etcd"]) == first
    assert (tmp_path / "cache" / "builds").read_text().split() == ["built"]


def test_a_build_of_the_wrong_version_is_not_kept(program: PutProgram, tmp_path: Path) -> None:
    program("path", "go", BUILDING_GO.format(version="0.0.1"))
    with pytest.raises(ToolError, match="was built but does not state version"):
        ensure(["etcd"])
    assert [path.name for path in (tmp_path / "cache").rglob("*etcd*")] == [f"etcd-{ETCD}"]


def test_a_failed_build_says_what_go_said(program: PutProgram) -> None:
    program("path", "go", '[ "$1" = env ] && { echo go1.26.8; exit; }\necho no such module; exit 1')
    with pytest.raises(ToolError, match=r"failed: no such module$"):
        ensure(["etcd"])
