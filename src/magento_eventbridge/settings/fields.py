"""What the settings' fields are made of: optional values, word lists, the strict base model."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
)


def empty_as_none(value: object) -> object:
    return None if value == "" else value


def split_words(value: object) -> object:
    return value.split() if isinstance(value, str) else value


def check_web_address(value: str) -> None:
    """Check that a browser or an HTTP client could use this address.

    Raises:
        ValueError: it could not.
    """
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and a host name")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("must have a port between 0 and 65535") from None


def _web_address(value: str | None) -> str | None:
    if value is not None:
        check_web_address(value)
    return value


def _not_empty(value: object) -> object:
    if value == "":
        raise ValueError("must not be empty")
    return value


OptionalText = Annotated[str | None, BeforeValidator(empty_as_none)]
OptionalPath = Annotated[Path | None, BeforeValidator(empty_as_none)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(empty_as_none)]
OptionalWebAddress = Annotated[OptionalText, AfterValidator(_web_address)]
RequiredPath = Annotated[Path, BeforeValidator(_not_empty)]
ListenAddress = Annotated[str, Field(min_length=1)]
"""An address to listen on; an empty one would mean all addresses."""


class SettingsGroup(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
