"""Settings of the HTTP listeners: inlet, console, metrics."""

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from magento_eventbridge.settings.fields import (
    ListenAddress,
    OptionalPath,
    OptionalSecret,
    OptionalText,
    OptionalWebAddress,
    SettingsGroup,
    split_words,
)

SHORTEST_SECRET = 16
_SHORTEST_PASSWORD = 12


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class InletSettings(SettingsGroup):
    """The HTTP inlet."""

    enabled: bool = Field(True, description="whether to listen")
    host: ListenAddress = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8471, ge=0, le=65535, description="port to listen on; 0: any free one")
    secrets: Annotated[tuple[SecretStr, ...], BeforeValidator(split_words)] = Field(
        (), description="shared secrets, each of them valid"
    )
    max_body_bytes: int = Field(5_000_000, ge=1_000, description="the longest request body")
    max_waiting_bytes: int = Field(
        64_000_000,
        ge=1_000,
        description="the most bytes of bodies in memory; more are answered with 429",
    )
    max_connections: int = Field(
        512,
        ge=1,
        description="the most open connections; more are answered with 503 while none is idle",
    )
    replay_window: float = Field(300, gt=0, description="how old a signature may be, in seconds")
    tls_certificate: OptionalPath = Field(
        None, description="PEM file of the certificate; with `tls_key` the inlet uses HTTPS"
    )
    tls_key: OptionalPath = Field(None, description="PEM file of its key")

    @field_validator("secrets")
    @classmethod
    def _are_long(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < SHORTEST_SECRET for secret in secrets):
            raise ValueError(f"a secret must have at least {SHORTEST_SECRET} characters")
        return secrets

    @property
    def is_wanted(self) -> bool:
        """Whether to listen: it is enabled and has a secret."""
        return self.enabled and bool(self.secrets)

    @model_validator(mode="after")
    def _both_or_none(self) -> "InletSettings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        return self


class ConsoleSettings(SettingsGroup):
    """The console, web pages for people."""

    enabled: bool = Field(True, description="whether to listen")
    host: ListenAddress = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8472, ge=0, le=65535, description="port to listen on; 0: any free one")
    hosts: Annotated[tuple[str, ...], BeforeValidator(split_words)] = Field(
        (),
        description="names at which people reach the console, such as console.example.com; the "
        "loopback names and the address it listens on need not be listed",
    )
    url: OptionalWebAddress = Field(
        None,
        description="the console's address for links, such as https://console.example.com; empty: "
        "the address it listens on",
    )
    magento_admin_url: OptionalWebAddress = Field(
        None,
        description="address of Magento's admin, such as https://shop.example.com/admin_1a2b3c: an "
        "order's history links to the order",
    )
    login: bool = Field(
        True,
        description="people must log in; off: everybody on this machine is an operator, and the "
        "console listens on a loopback address only",
    )
    password: OptionalSecret = Field(None, description="password of operators")
    read_only_password: OptionalSecret = Field(
        None, description="password of people who may see everything and change nothing"
    )
    proxy_header: OptionalText = Field(
        None, description="header in which a reverse proxy names who is logged in"
    )
    proxy_secret: OptionalSecret = Field(
        None,
        description="secret that the proxy sends in the header X-Console-Secret; without it "
        "proxy_header is ignored",
    )
    proxies: Annotated[tuple[str, ...], BeforeValidator(split_words)] = Field(
        ("127.0.0.1", "::1"), description="addresses from which that header is accepted"
    )
    operators: Annotated[tuple[str, ...], BeforeValidator(split_words)] = Field(
        ("*",),
        description="users of the proxy who may act; all others may only read; *: everybody",
    )
    session_hours: float = Field(
        12, gt=0, description="how many hours a login lasts without a request"
    )

    @field_validator("url")
    @classmethod
    def _has_no_path(cls, url: str | None) -> str | None:
        # Its pages link to each other from the root.
        if url and urlsplit(url)._replace(scheme="", netloc="").geturl() not in ("", "/"):
            raise ValueError(
                "must end after the host and port: the console needs a name of its own"
            )
        return url

    @field_validator("proxies")
    @classmethod
    def _are_addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ip_address(proxy)
            except ValueError:
                raise ValueError(f"'{proxy}' is no IP address, as 10.0.0.7") from None
        return proxies

    @field_validator("password", "read_only_password")
    @classmethod
    def _is_long(cls, password: SecretStr | None) -> SecretStr | None:
        if password and len(password.get_secret_value()) < _SHORTEST_PASSWORD:
            raise ValueError(f"must have at least {_SHORTEST_PASSWORD} characters")
        return password

    @field_validator("proxy_secret")
    @classmethod
    def _is_a_long_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and len(secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"must have at least {SHORTEST_SECRET} characters")
        return secret

    @model_validator(mode="after")
    def _is_protected(self) -> "ConsoleSettings":
        if not self.enabled:
            return self
        if not self.login and not _is_loopback(self.host):
            raise ValueError(
                f"would be open to everybody who reaches {self.host}: set console.login = true, "
                "or leave console.host at 127.0.0.1"
            )
        if not self.login and (self.password or self.read_only_password or self.proxy_header):
            raise ValueError(
                "login is off, so nobody would be asked for the password or by the proxy: set "
                "console.login = true, or remove the password and proxy_header"
            )
        if self.proxy_header and self.proxy_secret is None:
            raise ValueError(
                "proxy_header needs console.proxy_secret, at least "
                f"{SHORTEST_SECRET} random characters that the proxy sends in the header "
                "X-Console-Secret: any program on this machine can send the header alone"
            )
        if self.password and self.password == self.read_only_password:
            raise ValueError("password and read_only_password must differ")
        return self


class MetricsSettings(SettingsGroup):
    """The monitoring server: /metrics for Prometheus, /health for probes."""

    enabled: bool = Field(False, description="whether to listen")
    host: ListenAddress = Field("127.0.0.1", description="address to listen on; there is no login")
    port: int = Field(8473, ge=0, le=65535, description="port to listen on; 0: any free one")
