"""The endpoint of a region is the one of AWS's own tools, in every partition."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from magento_eventbridge.aws.arns import RegionError, event_bus_arn, partition
from magento_eventbridge.aws.endpoints import (
    EndpointError,
    ca_bundle,
    eventbridge_endpoint,
    global_endpoint,
)


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Yield the AWS config file that is used."""
    for name in ("CA_BUNDLE", "USE_FIPS_ENDPOINT", "USE_DUALSTACK_ENDPOINT", "ENDPOINT_URL"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for cached in (eventbridge_endpoint, global_endpoint, ca_bundle):
        cached.cache_clear()
    yield tmp_path / "config"
    for cached in (eventbridge_endpoint, global_endpoint, ca_bundle):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("region", "host", "partition"),
    [
        ("eu-west-1", "events.eu-west-1.amazonaws.com", "aws"),
        ("cn-north-1", "events.cn-north-1.amazonaws.com.cn", "aws-cn"),
        ("us-gov-west-1", "events.us-gov-west-1.amazonaws.com", "aws-us-gov"),
        ("us-iso-east-1", "events.us-iso-east-1.c2s.ic.gov", "aws-iso"),
        ("us-isob-east-1", "events.us-isob-east-1.sc2s.sgov.gov", "aws-iso-b"),
        ("eu-isoe-west-1", "events.eu-isoe-west-1.cloud.adc-e.uk", "aws-iso-e"),
        ("us-isof-south-1", "events.us-isof-south-1.csp.hci.ic.gov", "aws-iso-f"),
        ("eusc-de-east-1", "events.eusc-de-east-1.amazonaws.eu", "aws-eusc"),
    ],
)
def test_the_regions_partition_decides(region: str, host: str, partition: str) -> None:
    assert eventbridge_endpoint(region) == f"https://{host}"
    assert event_bus_arn("shop", region, "1") == f"arn:{partition}:events:{region}:1:event-bus/shop"


FIPS = "AWS_USE_FIPS_ENDPOINT"
DUAL = "AWS_USE_DUALSTACK_ENDPOINT"


@pytest.mark.parametrize(
    ("variables", "region", "host"),
    [
        ((FIPS,), "us-east-1", "events-fips.us-east-1.amazonaws.com"),
        ((FIPS,), "us-gov-west-1", "events.us-gov-west-1.amazonaws.com"),
        ((DUAL,), "eu-west-1", "events.eu-west-1.api.aws"),
        ((DUAL,), "cn-north-1", "events.cn-north-1.api.amazonwebservices.com.cn"),
        ((DUAL,), "us-iso-east-1", "events.us-iso-east-1.api.aws.ic.gov"),
        ((FIPS, DUAL), "us-east-2", "events-fips.us-east-2.api.aws"),
        ((FIPS, DUAL), "us-gov-east-1", "events.us-gov-east-1.api.aws"),
    ],
)
def test_fips_and_dual_stack_by_variables(
    monkeypatch: pytest.MonkeyPatch, variables: tuple[str, ...], region: str, host: str
) -> None:
    for name in variables:
        monkeypatch.setenv(name, "true")
    assert eventbridge_endpoint(region) == f"https://{host}"


def test_fips_and_dual_stack_by_the_config_file_and_its_profiles(
    nothing_of_this_machine: Path,
) -> None:
    nothing_of_this_machine.write_text(
        "[default]\nuse_fips_endpoint = true\n[profile shop]\nuse_dualstack_endpoint = true\n"
    )
    assert eventbridge_endpoint("us-east-1") == "https://events-fips.us-east-1.amazonaws.com"
    assert eventbridge_endpoint("us-east-1", "shop") == "https://events.us-east-1.api.aws"


def test_the_endpoint_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", "http://127.0.0.1:4566/")
    assert eventbridge_endpoint("eu-west-1") == "http://127.0.0.1:4566"


@pytest.mark.parametrize("region", ["not a region", "eu-west-1\n", "", "a/b"])
def test_no_region_is_an_error(region: str) -> None:
    with pytest.raises(RegionError):
        eventbridge_endpoint(region)


@pytest.mark.parametrize(
    ("variables", "region", "url"),
    [
        ({}, "eu-west-1", "https://abcde.veo.endpoint.events.amazonaws.com"),
        ({}, "cn-north-1", "https://abcde.veo.endpoint.events.amazonaws.com.cn"),
        ({DUAL: "true"}, "eu-west-1", "https://abcde.veo.endpoint.events.api.aws"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "eu-west-1", "http://127.0.0.1:4566"),
    ],
)
def test_the_host_of_a_global_endpoint(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], region: str, url: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert global_endpoint("abcde.veo", region) == url


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1"])
@pytest.mark.parametrize("more", [(), (DUAL,)])
def test_a_global_endpoint_has_no_fips(
    monkeypatch: pytest.MonkeyPatch, region: str, more: tuple[str, ...]
) -> None:
    for name in (FIPS, *more):
        monkeypatch.setenv(name, "true")
    with pytest.raises(EndpointError, match="AWS_USE_FIPS_ENDPOINT"):
        global_endpoint("abcde.veo", region)


def test_a_global_endpoint_needs_a_possible_host_and_a_region() -> None:
    with pytest.raises(EndpointError, match="host label"):
        global_endpoint("-a.b", "eu-west-1")
    with pytest.raises(RegionError, match="moon"):
        global_endpoint("abcde.veo", "moon")


def test_a_global_endpoint_needs_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    partition("eu-west-1")  # botocore uses awscrt if it was there at the import
    for name in ("awscrt", "awscrt.auth"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EndpointError, match=r"pip install .*\[global-endpoints\]"):
        global_endpoint("abcde.veo", "eu-west-1")


def test_the_ca_bundle_in_the_order_of_awss_tools(
    monkeypatch: pytest.MonkeyPatch, nothing_of_this_machine: Path
) -> None:
    def current(profile: str | None = None) -> str | None:
        ca_bundle.cache_clear()
        return ca_bundle(profile)

    assert current() is None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/requests.pem")
    assert current() == "/requests.pem"
    nothing_of_this_machine.write_text(
        "[default]\nca_bundle = /default.pem\n[profile shop]\nca_bundle = /shop.pem\n"
    )
    assert (current(), current("shop")) == ("/default.pem", "/shop.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/aws.pem")
    assert (current(), current("shop")) == ("/aws.pem", "/aws.pem")
