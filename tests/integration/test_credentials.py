"""Credentials of each type, from the places where they are really read."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.parsers import ResponseParserError
from moto.server import ThreadedMotoServer

from magento_eventbridge.aws import credentials_lookup
from magento_eventbridge.aws.credentials import (
    CredentialsError,
    CredentialsFinder,
    CredentialsTiming,
)
from magento_eventbridge.aws.credentials_lookup import in_one_sentence
from magento_eventbridge.delivery.routing import CredentialsSource
from tests.support.instance import instance_metadata
from tests.support.waiting import until

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
    assert str(await finder.summary(source, REGION)) == "AKIA…MPLE, found by keys"


async def test_the_age_and_the_end_of_credentials_in_use_are_known(
    finder: CredentialsFinder, tmp_path: Path
) -> None:
    keys = CredentialsSource(type="keys", access_key="AKIAEXAMPLE", secret_access_key="secret")
    assert finder.in_use(keys) is None
    began = time.time()
    await finder.current(keys, REGION)
    in_use = finder.in_use(keys)
    assert in_use is not None and in_use.expires_at is None
    assert began <= in_use.loaded_at <= time.time()
    assert "secret" not in repr(in_use)
    expires = datetime.now(UTC) + timedelta(hours=2)
    answer = {
        "Version": 1,
        "AccessKeyId": "AKIAROTATED",
        "SecretAccessKey": "secret",
        "Expiration": expires.isoformat(),
    }
    (tmp_path / "answer").write_text(json.dumps(answer))
    (tmp_path / "config").write_text(
        f"[default]\ncredential_process = /bin/cat {tmp_path / 'answer'}\n"
    )
    process = CredentialsSource(type="default")
    await finder.current(process, REGION)
    in_use = finder.in_use(process)
    assert in_use is not None and in_use.expires_at == pytest.approx(expires.timestamp(), abs=1)


async def test_keys_that_are_empty_are_reported(finder: CredentialsFinder) -> None:
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


async def test_a_profile_that_is_not_there_is_reported(finder: CredentialsFinder) -> None:
    with pytest.raises(CredentialsError, match="nowhere"):
        await finder.current(CredentialsSource(type="default", profile="nowhere"), REGION)


@pytest.fixture
async def instance(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """An EC2 metadata service; yields the requests that it got."""
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
    monkeypatch.setattr(finder._loaded[source].credentials, "_time_fetcher", lambda: later)
    second = await finder.current(source, REGION)
    assert first.access_key != second.access_key, "five minutes of life left: renewed"


async def test_no_instance_role_is_reported(finder: CredentialsFinder) -> None:
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
    assert (await finder.summary(source, REGION)).method == "assume-role"


async def test_a_role_that_cannot_be_assumed_is_reported(
    finder: CredentialsFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    source = CredentialsSource(
        type="keys", access_key="A", secret_access_key="s", role_arn="arn:aws:iam::1:role/shop"
    )
    with pytest.raises(CredentialsError, match="127.0.0.1:9"):
        await finder.current(source, REGION)


UNUSABLE = {
    "a line end": "AKIAEXAMPLE\n",
    "a carriage return": "AKIAEXAMPLE\r",
    "a space": "AKIAEXAMPLE ",
    "a tab": "AKIA\tEXAMPLE",
    "a null": "AKIA\0EXAMPLE",
    "a delete": "AKIAEXAMPLE\x7f",
    "a letter beyond ASCII": "AKIAEXÄMPLE",
}


@pytest.mark.parametrize("value", UNUSABLE.values(), ids=UNUSABLE.keys())
@pytest.mark.parametrize("role_arn", [None, "arn:aws:iam::123456789012:role/shop"])
@pytest.mark.parametrize("field", ["access_key", "secret_access_key"])
async def test_a_key_with_characters_that_no_key_has_is_refused_by_the_name_of_its_setting(
    finder: CredentialsFinder, value: str, field: str, role_arn: str | None
) -> None:
    keys = {"access_key": "AKIAEXAMPLE", "secret_access_key": "secret"} | {field: value}
    source = CredentialsSource(type="keys", role_arn=role_arn, **keys)
    with pytest.raises(CredentialsError) as refusal:
        await finder.current(source, REGION)
    assert str(refusal.value).startswith(f"credentials.{field} ")
    assert value not in str(refusal.value)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("name", ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"])
@pytest.mark.parametrize("kind", ["env", "default"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\t"])
async def test_a_variable_with_a_line_end_is_refused_by_its_name(
    finder: CredentialsFinder, monkeypatch: pytest.MonkeyPatch, name: str, kind: str, end: str
) -> None:
    for each in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{each}", "value" + (end if each == name else ""))
    source = CredentialsSource(type=kind)  # type: ignore[arg-type]
    with pytest.raises(CredentialsError, match=f"^AWS_{name} ends with a "):
        await finder.current(source, REGION)


async def test_a_control_character_in_the_shared_file_is_refused_by_name(
    finder: CredentialsFinder, tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = AKIASHOP\naws_secret_access_key = sec\x08ret\n"
    )
    with pytest.raises(CredentialsError, match="aws_secret_access_key in the shared credentials"):
        await finder.current(CredentialsSource(type="default"), REGION)


def write_keys(folder: Path, access_key: str) -> None:
    (folder / "credentials").write_text(
        f"[default]\naws_access_key_id = {access_key}\naws_secret_access_key = secret\n"
    )


async def test_credentials_are_loaded_again_after_a_refusal_but_not_after_each(
    tmp_path: Path,
) -> None:
    finder = CredentialsFinder(CredentialsTiming(between_reloads=0.5))
    source = CredentialsSource(type="default")

    async def reloaded() -> str:
        finder.reload(source, REGION)
        await finder._lookups[source]
        return str((await finder.current(source, REGION)).access_key)

    write_keys(tmp_path, "AKIAFIRST")
    assert (await finder.current(source, REGION)).access_key == "AKIAFIRST"
    write_keys(tmp_path, "AKIASECOND")
    assert (await finder.current(source, REGION)).access_key == "AKIAFIRST"
    assert await reloaded() == "AKIASECOND"
    write_keys(tmp_path, "AKIATHIRD")
    assert await reloaded() == "AKIASECOND"
    await asyncio.sleep(0.5)
    assert await reloaded() == "AKIATHIRD"


async def test_credentials_in_use_are_kept_when_a_reload_fails(
    finder: CredentialsFinder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = CredentialsSource(type="default")
    write_keys(tmp_path, "AKIAFIRST")
    await finder.current(source, REGION)
    (tmp_path / "credentials").unlink()
    finder.reload(source, REGION)
    await finder._lookups[source]
    assert (await finder.current(source, REGION)).access_key == "AKIAFIRST"
    assert "The present credentials stay in use" in caplog.text


PROVIDERS = {
    "a process that prints no JSON": (
        "[default]\ncredential_process = /bin/echo hello\n",
        {},
        "not JSON",
    ),
    "a process that prints half": (
        "[default]\ncredential_process = /bin/echo '{\"Version\":1}'\n",
        {},
        "AccessKeyId",
    ),
    "a process that is missing": (
        "[default]\ncredential_process = /nonexistent/helper --x\n",
        {},
        "No such file or directory: /nonexistent/helper",
    ),
    "a process that fails": (
        "[default]\ncredential_process = /bin/sh -c 'echo no luck >&2; exit 3'\n",
        {},
        "no luck",
    ),
    "a process that prints a list": (
        "[default]\ncredential_process = /bin/echo []\n",
        {},
        "not what AWS documents (AttributeError",
    ),
    "a process that prints a number as the key": (
        "[default]\ncredential_process = /bin/echo "
        """'{"Version":1,"AccessKeyId":"A","SecretAccessKey":5}'\n""",
        {},
        "the secret key found by custom-process is not a text",
    ),
    "a process that prints expired credentials": (
        "[default]\ncredential_process = /bin/echo '{"
        """"Version":1,"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"2001-01-01T00:00:00Z"}'\n""",
        {},
        "cannot be loaded: Credentials were refreshed, but the refreshed credentials are still "
        "expired",
    ),
    "a process of another version": (
        "[default]\ncredential_process = /bin/echo '{\"Version\":9}'\n",
        {},
        "ersion",
    ),
    "a container URI of another host": (
        "",
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://creds.example/v1"},
        "creds.example",
    ),
    "a missing token file of a container": (
        "",
        {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/v1",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nonexistent/token",
        },
        "/nonexistent/token",
    ),
    "a missing web identity token": (
        "",
        {
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent/token",
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x",
        },
        "/nonexistent/token",
    ),
    "an SSO session without a login": (
        "[default]\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1\n"
        "sso_account_id = 123456789012\nsso_role_name = x\n",
        {},
        "SSO",
    ),
    "a broken config file": ("[default\nfoo\n", {}, "config"),
    "a source profile that is missing": (
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = nowhere\n",
        {},
        "nowhere",
    ),
    "a role that assumes itself without end": (
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = other\n"
        "[profile other]\nrole_arn = arn:aws:iam::123456789012:role/y\n"
        "source_profile = other\n",
        {},
        "",
    ),
    "a time-out that is no number": (
        "",
        {"AWS_METADATA_SERVICE_TIMEOUT": "soon"},
        "soon",
    ),
}


@pytest.mark.parametrize(("config", "variables", "words"), PROVIDERS.values(), ids=PROVIDERS.keys())
async def test_whatever_a_provider_raises_is_one_sentence(
    finder: CredentialsFinder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    config: str,
    variables: dict[str, str],
    words: str,
) -> None:
    (tmp_path / "config").write_text(config)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CredentialsError) as refusal:
        await finder.current(CredentialsSource(type="default"), REGION)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not any(record.exc_info for record in caplog.records if record.levelno > logging.INFO)


def test_a_code_that_nobody_can_type_is_explained() -> None:
    assert "nobody can type one here" in in_one_sentence(EOFError())


async def test_a_provider_that_hangs_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "runs"
    (tmp_path / "helper").write_text(f"#!/bin/sh\necho run >> {lock}\nexec sleep 5\n")
    (tmp_path / "helper").chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {tmp_path}/helper\n")
    finder = CredentialsFinder(CredentialsTiming(lookup=0.5))
    for _ in range(3):
        with pytest.raises(CredentialsError, match="no result in"):
            await finder.current(CredentialsSource(type="default"), REGION)
    assert lock.read_text() == "run\n", "tries wait for the same lookup"


async def test_credentials_that_cannot_be_renewed_are_used_until_they_expire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    answer = json.dumps(
        {
            "Version": 1,
            "AccessKeyId": "AKIAEXAMPLE",
            "SecretAccessKey": "secret",
            "Expiration": (now + timedelta(minutes=30)).isoformat(),
        }
    )
    (tmp_path / "answer").write_text(answer)
    (tmp_path / "config").write_text(
        f"[default]\ncredential_process = /bin/cat {tmp_path / 'answer'}\n"
    )
    finder = CredentialsFinder(CredentialsTiming(between_renewals=0.0))
    source = CredentialsSource(type="default")
    assert (await finder.current(source, REGION)).access_key == "AKIAEXAMPLE"
    (tmp_path / "answer").unlink()
    for minutes in (20, 25):
        later = now + timedelta(minutes=minutes)
        monkeypatch.setattr(
            finder._loaded[source].credentials, "_time_fetcher", lambda moment=later: moment
        )
        assert (await finder.current(source, REGION)).access_key == "AKIAEXAMPLE"
    await asyncio.sleep(0.1)
    assert not any(record.exc_info for record in caplog.records if record.levelno > logging.INFO)
    later = now + timedelta(minutes=31)
    monkeypatch.setattr(finder._loaded[source].credentials, "_time_fetcher", lambda: later)
    with pytest.raises(CredentialsError, match="answer"):
        await finder.current(source, REGION)


async def test_a_credential_process_that_hangs_is_ended_and_started_again(
    finder: CredentialsFinder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials_lookup, "_PROCESS_SECONDS", 0.3)
    helper = tmp_path / "helper"
    # The shell's child keeps the pipe open, also when the shell alone is killed.
    helper.write_text(f"#!/bin/sh\nsleep 60 &\necho $! > {tmp_path}/child\nwait\n")
    helper.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {helper}\n")
    source = CredentialsSource(type="default")
    with pytest.raises(CredentialsError, match=r"credential_process did not end in 0\.3 s"):
        await finder.current(source, REGION)
    child = Path("/proc", (tmp_path / "child").read_text().strip(), "stat")
    await until(lambda: not child.exists() or ") Z " in child.read_text())
    helper.write_text(
        "#!/bin/sh\n"
        """echo '{"Version": 1, "AccessKeyId": "AKIAEXAMPLE", "SecretAccessKey": "secret"}'\n"""
    )
    monkeypatch.setattr(credentials_lookup, "_PROCESS_SECONDS", 25.0)
    assert (await finder.current(source, REGION)).access_key == "AKIAEXAMPLE"


@pytest.mark.parametrize("pipe", ["", ">&2"])
async def test_a_credential_process_that_writes_without_end_is_ended(
    finder: CredentialsFinder, tmp_path: Path, pipe: str
) -> None:
    """It filled the bridge's memory for 25 seconds."""
    helper = tmp_path / "helper"
    helper.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/process\nexec yes {pipe}\n")
    helper.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {helper}\n")
    with pytest.raises(CredentialsError, match="writes more than credentials need"):
        await finder.current(CredentialsSource(type="default"), REGION)
    process = Path("/proc", (tmp_path / "process").read_text().strip())
    await until(lambda: not process.exists())


async def test_a_credential_process_that_fails_with_odd_bytes_is_reported(
    finder: CredentialsFinder, tmp_path: Path
) -> None:
    helper = tmp_path / "helper"
    helper.write_text("#!/bin/sh\nprintf 'no vault \\377' >&2\nexit 1\n")
    helper.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {helper}\n")
    with pytest.raises(CredentialsError, match="no vault"):
        await finder.current(CredentialsSource(type="default"), REGION)


def test_an_answer_that_is_cut_off_is_not_quoted() -> None:
    """It has the secret key in it."""
    quoted = ResponseParserError("invalid XML received: b'<SecretAccessKey>of the role'")
    assert "of the role" not in in_one_sentence(quoted)


async def test_an_sso_login_that_is_missing_says_what_to_run(
    finder: CredentialsFinder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config").write_text(
        "[default]\nsso_session = x\nsso_account_id = 123456789012\nsso_role_name = x\n"
        "[sso-session x]\nsso_region = eu-west-1\n"
        "sso_start_url = https://example.awsapps.com/start\n"
    )
    with pytest.raises(CredentialsError, match="run 'aws sso login' as the user of the bridge$"):
        await finder.current(CredentialsSource(type="default"), REGION)
