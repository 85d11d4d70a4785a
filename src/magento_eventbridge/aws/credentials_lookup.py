"""Look up AWS credentials with botocore, as a `CredentialsSource` describes them."""

import contextlib
import json
import logging
import os
import selectors
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    Credentials,
    DeferredRefreshableCredentials,
    EnvProvider,
    InstanceMetadataProvider,
    ProcessProvider,
)
from botocore.exceptions import BotoCoreError, ClientError, SSOError, TokenRetrievalError
from botocore.parsers import ResponseParserError
from botocore.utils import InstanceMetadataFetcher

from magento_eventbridge.aws.credentials import CredentialsError
from magento_eventbridge.delivery.routing import CredentialsSource

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

_EC2_SECONDS = 2
_EC2_TRIES = 3
# Shorter than a lookup may take. botocore waits for ever, and nothing is looked up meanwhile.
_PROCESS_SECONDS = 25.0
_PROCESS_BYTES = 1_000_000
_STS = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
_ROLE_SESSION = "magento-eventbridge"
_NO_ROLE = "credentials of type 'ec2', but this machine's metadata service has no instance role"
_LONGEST_REASON = 300

# The text of these says enough; botocore raises a RuntimeError for credentials that have expired.
_EXPLAINED = (BotoCoreError, ClientError, CredentialsError, ValueError, RuntimeError)
# botocore reads answers without a check.
_OF_CONTENT = (LookupError, AttributeError, TypeError)

_FIELDS = ("access_key", "secret_key", "token")
# The names of the fields where each of botocore's methods reads them.
_NAMES = {
    "keys": ("credentials.access_key", "credentials.secret_access_key", ""),
    "env": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "shared-credentials-file": (
        "aws_access_key_id in the shared credentials file",
        "aws_secret_access_key in the shared credentials file",
        "aws_session_token in the shared credentials file",
    ),
    "config-file": (
        "aws_access_key_id in the AWS config file",
        "aws_secret_access_key in the AWS config file",
        "aws_session_token in the AWS config file",
    ),
}


def find_credentials(source: CredentialsSource, region: str) -> Any:
    """Return botocore's credentials, which it renews.

    Raises:
        CredentialsError: there are none.
        Exception: a provider failed; botocore lets all kinds of exceptions through.
    """
    credentials = _base(source, region)
    if source.role_arn is None:
        return credentials
    if type(credentials) is Credentials:  # others are loaded when the role is assumed
        check_characters(credentials.get_frozen_credentials(), credentials.method)
    session = _session(source, region)

    def client(service: str, **options: Any) -> Any:
        return session.create_client(service, **{"region_name": region, **options})

    extra = {"RoleSessionName": _ROLE_SESSION}
    if source.external_id:
        extra["ExternalId"] = source.external_id
    fetcher = AssumeRoleCredentialFetcher(client, credentials, source.role_arn, extra_args=extra)
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, method="assume-role")


def check_characters(values: "ReadOnlyCredentials", method: str) -> None:
    """Check that keys and token can be sent in a header.

    Line ends get into them from files that are mounted as secrets.

    Raises:
        CredentialsError: one has a character that no key or token has, or a key is empty.
    """
    if not values.access_key or not values.secret_key:
        raise CredentialsError(f"the credentials found by {method} are empty")
    names = _NAMES.get(method) or tuple(
        f"the {field.replace('_', ' ')} found by {method}" for field in _FIELDS
    )
    for field, name in zip(_FIELDS, names, strict=True):
        value = getattr(values, field) or ""
        if not isinstance(value, str):
            raise CredentialsError(f"{name or field} is not a text")
        for position, character in enumerate(value):
            if not "!" <= character <= "~":
                kind = _kind_of(character)
                where = "ends with" if position == len(value.rstrip()) else "contains"
                raise CredentialsError(f"{name} {where} {kind}: remove it")


def in_one_sentence(error: Exception) -> str:
    """Return what is wrong, in one line."""
    if isinstance(error, json.JSONDecodeError):
        return "the credentials provider's answer is not JSON"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, ResponseParserError):
        # botocore's text quotes the answer, with the secret key that may be in it.
        return "AWS's answer is cut off, or something other than AWS answered"
    if isinstance(error, EOFError):
        return "it asks for a code, as of an MFA device, and nobody can type one here"
    text = " ".join(str(error).split())[:_LONGEST_REASON].rstrip(": ")
    if isinstance(error, (SSOError, TokenRetrievalError)):
        return f"{text}: run 'aws sso login' as the user of the bridge"
    if isinstance(error, _EXPLAINED) and text:
        return text
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, _OF_CONTENT):
        return f"what it answers, or keeps in a file, is not what AWS documents ({reason})"
    return reason


def _kind_of(character: str) -> str:
    if character in "\r\n":
        return "a line end"
    if character == " ":
        return "a space"
    if character.isascii():
        return "a control character"
    return "a character that is not ASCII"


def _session(source: CredentialsSource, region: str) -> botocore.session.Session:
    session = botocore.session.Session(profile=source.profile)
    # STS is asked in the region of the bus, and not waited for as long as botocore would.
    session.set_config_variable("region", region)
    session.set_default_client_config(_STS)
    return session


def _base(source: CredentialsSource, region: str) -> Any:
    match source.type:
        case "keys":
            if not source.access_key or not source.secret_access_key:
                raise CredentialsError(
                    "credentials of type 'keys', but access_key or secret_access_key is empty"
                )
            return Credentials(source.access_key, source.secret_access_key, method="keys")
        case "env":
            credentials = EnvProvider().load()
            if credentials is None:
                raise CredentialsError(
                    "credentials of type 'env', but AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
                    "are not in the bridge's environment"
                )
            return credentials
        case "ec2":
            try:
                credentials = InstanceMetadataProvider(_metadata_fetcher()).load()
            except BotoCoreError as error:
                raise CredentialsError(f"{_NO_ROLE} ({error})") from error
            if credentials is None:
                raise CredentialsError(_NO_ROLE)
            return credentials
        case "default":
            return _from_chain(_session(source, region))


def _from_chain(session: botocore.session.Session) -> Any:
    """Return the first credentials in AWS's default chain; an error names its provider."""
    for provider in session.get_component("credential_provider").providers:
        try:
            if isinstance(provider, ProcessProvider):
                credentials = _from_process(session)
            else:
                credentials = provider.load()
        except BotoCoreError:
            raise  # its message names the provider
        except Exception as error:
            raise CredentialsError(
                f"credentials of type 'default', provider '{provider.METHOD}': "
                f"{in_one_sentence(error)}"
            ) from error
        if credentials is not None:
            return credentials
    raise CredentialsError(
        "no credentials anywhere in AWS's default chain: environment, shared files, SSO, "
        "container, instance role"
    )


def _from_process(session: botocore.session.Session) -> Any:
    profile = session.get_config_variable("profile") or "default"
    return ProcessProvider(profile, lambda: session.full_config, _ProcessWithLimit).load()


class _ProcessWithLimit(subprocess.Popen[bytes]):
    """Runs the program of `credential_process`, and ends it with its children if it hangs."""

    def __init__(self, command: list[str], stdout: int, stderr: int) -> None:
        super().__init__(command, stdout=stdout, stderr=stderr, start_new_session=True)

    def communicate(self, *_: Any, **__: Any) -> tuple[bytes, bytes]:
        """Return what the program writes.

        Raises:
            CredentialsError: it does not end, or writes without end.
        """
        with self:  # closes the pipes, and waits for its end
            try:
                return self._read(time.monotonic() + _PROCESS_SECONDS)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
                raise

    def _read(self, deadline: float) -> tuple[bytes, bytes]:
        written = {pipe.fileno(): bytearray() for pipe in (self.stdout, self.stderr) if pipe}
        with selectors.DefaultSelector() as open_pipes:
            for pipe in written:
                open_pipes.register(pipe, selectors.EVENT_READ)
            while open_pipes.get_map():
                ready = open_pipes.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise _endless()
                for key, _ in ready:
                    some = os.read(key.fd, 65_536)
                    written[key.fd] += some
                    if not some:
                        open_pipes.unregister(key.fd)
                    if len(written[key.fd]) > _PROCESS_BYTES:
                        raise CredentialsError(
                            "the program of credential_process writes more than credentials need"
                        )
        try:
            self.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise _endless() from None
        out, errors = written.values()
        # botocore decodes what a program that failed says.
        return bytes(out), errors.decode(errors="replace").encode()


def _endless() -> CredentialsError:
    return CredentialsError(
        f"the program of credential_process did not end in {_PROCESS_SECONDS:g} s"
    )


def _metadata_fetcher() -> InstanceMetadataFetcher:
    endpoint = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    mode = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv4")
    return InstanceMetadataFetcher(
        timeout=_EC2_SECONDS,
        num_attempts=_EC2_TRIES,
        user_agent="magento-eventbridge",
        config={
            "ec2_metadata_service_endpoint": endpoint,
            "ec2_metadata_service_endpoint_mode": mode,
            "ec2_metadata_v1_disabled": True,
        },
    )


def _without_traceback(record: logging.LogRecord) -> bool:
    """Shorten botocore's report of a failed renewal to one line: it comes with each try."""
    if record.exc_info and isinstance(record.exc_info[1], Exception):
        record.msg = f"{record.getMessage()} {in_one_sentence(record.exc_info[1])}"
        record.args, record.exc_info, record.exc_text = (), None, None
    return True


for _name in ("botocore.credentials", "botocore.tokens"):
    logging.getLogger(_name).addFilter(_without_traceback)
