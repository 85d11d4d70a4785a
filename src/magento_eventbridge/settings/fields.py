"""What the settings' fields are made of: optional values, word lists, the strict base model."""

from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SecretStr,
)


def empty_as_none(value: object) -> object:
    return None if value == "" else value


def split_words(value: object) -> object:
    return value.split() if isinstance(value, str) else value


OptionalText = Annotated[str | None, BeforeValidator(empty_as_none)]
OptionalPath = Annotated[Path | None, BeforeValidator(empty_as_none)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(empty_as_none)]


class SettingsGroup(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
