"""One document for every country: each installation takes its own regions, and refuses what breaks its rules."""

from __future__ import annotations

import pytest

from tests.unit.operator.cluster_objects import subject
from tests.unit.operator.played_regions import PlayedRegions, region, spec_in_regions
from weld_operator.domain.regions.countries import Residency, broken_residency, own_part, resident

ROLLOUT = {"waves": [{"regions": ["rio", "lima"]}, {"regions": ["cusco"]}, {"regions": ["anywhere"]}]}
SPEC = spec_in_regions(
    "a",
    [
        region("rio", 40, ["lima", "anywhere"], country="BR"),
        region("lima", 20, ["cusco"], country="PE"),
        region("cusco", 20, country="PE"),
        region("anywhere", 20),
    ],
    rollout=ROLLOUT,
)


def test_an_installation_takes_its_countrys_regions_and_those_of_none() -> None:
    own, elsewhere = own_part(SPEC, "BR")
    assert [each.name for each in own.regions] == ["rio", "anywhere"]
    assert elsewhere == ("lima", "cusco")
    assert own.regions[0].failover_to == ("anywhere",)
    assert own.rollout is not None
    assert [wave.regions for wave in own.rollout.waves] == [("rio",), ("anywhere",)]


@pytest.mark.parametrize("country", ["", "BR"])
def test_without_regions_of_others_the_spec_is_what_it_was(country: str) -> None:
    spec = spec_in_regions("a")
    assert own_part(spec, country) == (spec, ())


def test_an_installation_says_which_regions_are_anothers() -> None:
    play = PlayedRegions(SPEC, country="PE")
    play.run(4)
    assert set(play.regions) == {"lima", "cusco", "anywhere"}
    assert play.status.elsewhere == ("rio",)
    assert play.status.summary.endswith("elsewhere: rio")


@pytest.mark.parametrize(
    ("residency", "sentence"),
    [
        pytest.param(Residency(), None, id="no rules"),
        pytest.param(Residency(stores=("s3://br/", "pvc://")), None, id="one of the stores"),
        pytest.param(
            Residency(stores=("s3://br/", "s3://br-2/")),
            "spec.model.uri 'pvc://bundles/weld-10.0.0' breaks residency.stores: it must begin with s3://br/ or s3://br-2/",
            id="another store",
        ),
        pytest.param(Residency(countries=("BR", "PE")), None, id="all of the countries"),
        pytest.param(
            Residency(countries=("BR",)),
            "spec.regions: region 'lima' is in PE, which breaks residency.countries: it must be in BR",
            id="another country",
        ),
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_name(residency: Residency, sentence: str | None) -> None:
    assert broken_residency(SPEC, residency) == sentence


@pytest.mark.parametrize("uri", ["s3://br/weld/../../pe/1", "s3://br/%2e%2E", "https://br/./weld?x"])
def test_an_address_that_may_lead_out_of_its_store_is_refused(uri: str) -> None:
    spec = SPEC.model_copy(update={"model": SPEC.model.model_copy(update={"uri": uri})})
    stores = Residency(stores=("s3://br/", "https://br/"))
    assert str(broken_residency(spec, stores)).endswith("it must have no part '.' or '..'")


def test_what_breaks_a_rule_is_not_served_and_says_so() -> None:
    about = subject("a")
    kept = resident(about, Residency(stores=("pvc://",)))
    refused = resident(about, Residency(stores=("s3://br/",)))
    assert kept == about
    assert refused.spec is None
    assert "residency.stores" in refused.fault
