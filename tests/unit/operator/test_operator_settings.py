"""Arguments of the operator: what is taken, and the sentence for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from weld_operator.__main__ import main
from weld_operator.settings import OperatorSettings


def test_every_setting_has_a_default() -> None:
    settings = OperatorSettings.from_args([])
    assert settings.kubeconfig is None
    assert settings.namespaces == ()
    assert (settings.gateway_namespace, settings.gateway_name) == ("kserve", "kserve-ingress-gateway")
    assert settings.identity


def test_arguments_are_read(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch()
    settings = OperatorSettings.from_args(
        [f"--kubeconfig={kubeconfig}", "--namespaces=plant-a,plant-b", "--http-port=0", "--lease-duration=20s"]
    )
    assert settings.kubeconfig == kubeconfig
    assert settings.namespaces == ("plant-a", "plant-b")
    assert settings.lease_duration == "20s"


def test_an_argument_that_is_left_empty_counts_as_left_out() -> None:
    settings = OperatorSettings.from_args(["--predictor-service-account=", "--prometheus-url="])
    assert settings == OperatorSettings.from_args([f"--identity={settings.identity}"])
    assert (settings.predictor_service_account, settings.prometheus_url) == (None, None)


WRONG = {
    "--kubeconfig=/nowhere": "--kubeconfig=/nowhere: there is no such file",
    "--workers=0": "--workers=0",
    "--resync=soon": "--resync=soon: 'soon' is not a duration",
    "--domain=Example": "--domain=Example",
    "--namespaces=plant-a,Plant": "--namespaces=Plant",
    "--lease-duration=10s": "--lease-renew-deadline",
    "--lease-duration=15500ms": "--lease-duration=15500ms: a Lease counts in whole seconds",
    "--lease-retry=10s": "--lease-retry must be below --lease-renew-deadline",
    "--log-level=chatty": "--log-level=chatty",
    "--shout": "'--shout' is not an argument of the operator",
    "--predictor-service-account=Storage": "--predictor-service-account=Storage: String should match pattern",
    "--predictor-service-account=a..b": "--predictor-service-account=a..b",
    "--residency-stores=s3://models": "--residency-stores=s3://models: String should match pattern",
    "--prometheus-url=prometheus:9090": "--prometheus-url=prometheus:9090",
    "--http-port=70000": "--http-port=70000",
}


@pytest.mark.parametrize(("argument", "words"), WRONG.items())
def test_a_wrong_argument_is_refused_with_one_sentence(
    argument: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1


def test_help_lists_every_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in said for name in OperatorSettings.model_fields)
