"""What the environment says of a given cluster is read whole, or refused in a sentence."""

from pathlib import Path

import pytest

from tests.sandbox.given_cluster import Given, GivenError, image_values


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text("{}")
    return {
        "HOME": "/root",
        "KUBECONFIG": str(kubeconfig),
        "WELDSERVE_E2E_OPERATOR_IMAGE": "registry.example/weldserve/operator:0.1.0",
        "WELDSERVE_E2E_PREDICTOR_IMAGE": "registry.example/weldserve/predictor:0.1.0",
        "WELDSERVE_E2E_GATEWAY_ADDRESS": "http://127.0.0.1:8080",
    }


def test_an_environment_that_says_nothing_means_the_rig(environment: dict[str, str]) -> None:
    assert Given.by({"KUBECONFIG": environment["KUBECONFIG"], "WELDSERVE_E2E_DOMAIN": ""}) is None


def test_what_is_left_out_is_as_kserve_s_quick_install_has_it(environment: dict[str, str]) -> None:
    given = Given.by(environment)
    assert given is not None
    assert given.predictor_image == "registry.example/weldserve/predictor:0.1.0"
    assert given.gateway == "kserve/kserve-ingress-gateway"
    assert given.kubeconfig == Path(environment["KUBECONFIG"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"WELDSERVE_E2E_PREDICTOR_IMAGE": ""}, "WELDSERVE_E2E_PREDICTOR_IMAGE is not set, and WELDSERVE_E2E_"),
        ({"WELDSERVE_E2E_GATEWAY_ADRESS": "http://a"}, "WELDSERVE_E2E_GATEWAY_ADRESS is not known; known are WELD"),
        ({"WELDSERVE_E2E_KUBECONFIG": "/nowhere"}, "WELDSERVE_E2E_KUBECONFIG is not known"),
        ({"WELDSERVE_E2E_OPERATOR_IMAGE": "registry.example:5000/operator"}, "neither a tag nor a digest"),
        ({"KUBECONFIG": ""}, "KUBECONFIG must name the one file"),
        ({"KUBECONFIG": "/nowhere/a:/nowhere/b"}, "KUBECONFIG must name the one file"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(
    environment: dict[str, str], change: dict[str, str], sentence: str
) -> None:
    with pytest.raises(GivenError) as refused:
        Given.by(environment | change)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("name", "registry", "repository", "tag", "digest"),
    [
        ("operator:1", "", "operator", "1", ""),
        ("weldserve/operator:0.1.0", "", "weldserve/operator", "0.1.0", ""),
        ("localhost/weldserve/operator:trial", "localhost", "weldserve/operator", "trial", ""),
        ("registry.example:5000/operator:1", "registry.example:5000", "operator", "1", ""),
        ("registry.example/a/b/operator@sha256:ab", "registry.example", "a/b/operator", "", "sha256:ab"),
        ("registry.example/operator:1@sha256:ab", "registry.example", "operator", "1", "sha256:ab"),
    ],
)
def test_an_image_is_parted_as_the_chart_has_it(
    name: str, registry: str, repository: str, tag: str, digest: str
) -> None:
    assert image_values(name, "Never") == {
        "registry": registry,
        "repository": repository,
        "tag": tag,
        "digest": digest,
        "pullPolicy": "Never",
    }
