"""What a container's command, arguments and environment become on a stand-in node."""

import sys

import pytest

from tests.sandbox.node.substitution import Substitution, expand

POD = Substitution(
    {"/mnt/models": "/rig/bundles/first", "/mnt/models/extra": "/rig/extra", "/dev/termination-log": "/rig/end"},
    "127.1.1.7",
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("--bundle=/mnt/models", "--bundle=/rig/bundles/first"),
        ("/mnt/models/card.yaml", "/rig/bundles/first/card.yaml"),
        ("/mnt/models/extra/a", "/rig/extra/a"),
        ("/mnt/models:/mnt/models/extra", "/rig/bundles/first:/rig/extra"),
        ("file:///mnt/models", "file:///rig/bundles/first"),
        ("/mnt/models-old", "/mnt/models-old"),
        ("/mnt/modelsmore", "/mnt/modelsmore"),
        ("/other/mnt/models", "/other/mnt/models"),
        ("--termination-log=/dev/termination-log", "--termination-log=/rig/end"),
        ("--listen-address=0.0.0.0", "--listen-address=127.1.1.7"),
        ("0.0.0.0:8080", "127.1.1.7:8080"),
        ("10.0.0.0.0", "10.0.0.0.0"),
        ("nothing to do", "nothing to do"),
    ],
)
def test_paths_and_addresses_of_the_container_become_those_of_the_machine(given: str, expected: str) -> None:
    assert POD.text(given) == expected


def test_what_was_put_in_is_not_replaced_again() -> None:
    nested = Substitution({"/a": "/b", "/b": "/c"}, "127.1.1.7")
    assert nested.text("/a /b") == "/b /c"


def test_a_pod_without_mounts_still_gets_its_address() -> None:
    assert Substitution({}, "127.1.1.7").text("0.0.0.0") == "127.1.1.7"


def test_python_is_the_interpreter_of_the_rig_only_as_the_program() -> None:
    assert POD.command(["python3", "-m", "python3"]) == [sys.executable, "-m", "python3"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("$(NAME)", "line"),
        ("a-$(NAME)-$(PORT)", "a-line-8080"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(NAME)", "$(NAME)"),
        ("$$$(NAME)", "$line"),
        ("$NAME costs 5$", "$NAME costs 5$"),
        ("$(unclosed", "$(unclosed"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(given: str, expected: str) -> None:
    assert expand(given, {"NAME": "line", "PORT": "8080"}) == expected
