"""Credentials of each type, found where they really are looked for."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from magento_eventbridge.aws.credentials import CredentialsError, CredentialsFinder
from magento_eventbridge.delivery.routing import CredentialsSource
from tests.support.instance import instance_metadata

REGION = "eu-west-1"


@pytest.fixture(autouse=True)
def no_other_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9/")


@pytest.fixture
def finder() -> CredentialsFinder:
    return CredentialsFinder()


async def test_keys(finder: CredentialsFinder) -> None:
    source = CredentialsSource(type="keys", access_key="AKIAEXAMPLE", secret_access_key="secret")
    found = await finder.current(source, REGION)
    assert (found.access_key, found.secret_key) == ("AKIAEXAMPLE", "secret")
    assert "secret" not in repr(source)
    assert str(await finder.look(source, REGION)) == "AKIA…MPLE, found by keys"


async def test_keys_that_are_empty_are_told(finder: CredentialsFinder) -> None:
    source = CredentialsSource(type="keys", access_key="AKIAEXAMPLE")
    with pytest.raises(CredentialsError, match="secret_access_key is empty"):
        await finder.current(source, REGION)


async def test_environment(finder: CredentialsFinder, monkeypatch: pytest.MonkeyPatch) -> None:
    source = CredentialsSource(type="env")
    with pytest.raises(CredentialsError, match="are not in the bridge's environment"):
        await finder.current(source, REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    found = await finder.current(source, REGION)
    assert (found.access_key, found.token) == ("AKIAENV", "token")


async def test_default_chain_takes_a_profile(finder: CredentialsFinder, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[shop]\naws_access_key_id = AKIASHOP\naws_secret_access_key = secret\n"
    )
    source = CredentialsSource(type="default", profile="shop")
    assert (await finder.current(source, REGION)).access_key == "AKIASHOP"


async def test_a_profile_that_is_not_there_is_told(finder: CredentialsFinder) -> None:
    with pytest.raises(CredentialsError, match="nowhere"):
        await finder.current(CredentialsSource(type="default", profile="nowhere"), REGION)


@pytest.fixture
async def instance(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """An instance's metadata service; gives what it was asked."""
    async with instance_metadata() as service:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.url)
        yield service.asked


async def test_instance_role_by_metadata_version_2_renewed_before_it_expires(
    finder: CredentialsFinder, instance: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = CredentialsSource(type="ec2")
    first = await finder.current(source, REGION)
    assert (first.token, instance[0]) == ("session", "token")
    assert await finder.current(source, REGION) == first, "an hour of life left: kept"
    later = datetime.now(UTC) + timedelta(minutes=55)
    monkeypatch.setattr(finder._known[source], "_time_fetcher", lambda: later)
    second = await finder.current(source, REGION)
    assert first.access_key != second.access_key, "five minutes of life left: renewed"


async def test_no_instance_role_is_told(finder: CredentialsFinder) -> None:
    with pytest.raises(CredentialsError, match="no instance role"):
        await finder.current(CredentialsSource(type="ec2"), REGION)


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://{host}:{port}")
    yield f"http://{host}:{port}"
    server.stop()


async def test_a_role_is_assumed_with_the_credentials_found(
    finder: CredentialsFinder, sts: str
) -> None:
    source = CredentialsSource(
        type="keys",
        access_key="AKIAEXAMPLE",
        secret_access_key="secret",
        role_arn="arn:aws:iam::123456789012:role/shop",
        external_id="an-external-id",
    )
    found = await finder.current(source, REGION)
    assert found.access_key != "AKIAEXAMPLE"
    assert found.token
    assert (await finder.look(source, REGION)).method == "assume-role"


async def test_a_role_that_cannot_be_assumed_is_told(
    finder: CredentialsFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    source = CredentialsSource(
        type="keys", access_key="A", secret_access_key="s", role_arn="arn:aws:iam::1:role/shop"
    )
    with pytest.raises(CredentialsError, match="127.0.0.1:9"):
        await finder.current(source, REGION)
