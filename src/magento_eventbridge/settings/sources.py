"""Read the bridge's own layers: TOML file, environment, command line."""

import errno
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.layers import Layer

ENVIRONMENT_PREFIX = "MAGENTO_EVENTBRIDGE_"
CONFIG_FILE_VARIABLE = f"{ENVIRONMENT_PREFIX}CONFIG"
DEFAULT_CONFIG_FILE = Path("/etc/magento-eventbridge.toml")
_LONGEST_FILE = 1_000_000  # in bytes
# Kubernetes sets such variables in each pod, for each service of the namespace: those of a service
# named `magento-eventbridge` begin with the prefix.
_SERVICE_LINK = re.compile(
    r"(?!.*__)\w+_(?:SERVICE_HOST=|SERVICE_PORT(?:_\w+)?=|PORT(?:_\d+_(?:TCP|UDP|SCTP))?=(?:tcp|udp|sctp)://"
    r"|PORT_\d+_(?:TCP|UDP|SCTP)_(?:PROTO|PORT|ADDR)=).*"
)


def environment_layer(environment: Mapping[str, str]) -> Layer:
    """Read MAGENTO_EVENTBRIDGE_OPTIONS__REGION and its like.

    `__` parts a name from its group; case does not count, save in names of detail-types.
    Variables that Kubernetes sets for a service of that name are ignored.

    Raises:
        SettingsError: a variable is not UTF-8, or both a value and a group.
    """
    values: dict[str, Any] = {}
    for variable, value in sorted(environment.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_FILE_VARIABLE:
            continue
        if _SERVICE_LINK.match(f"{variable}={value}"):
            continue
        if not _is_utf_8(variable) or not _is_utf_8(value):
            raise SettingsError(f"the variable {ascii(variable)[1:-1]} is not UTF-8")
        *groups, name = variable.removeprefix(ENVIRONMENT_PREFIX).split("__")
        at = values
        for group in groups:
            at = at.setdefault(group.lower(), {})
            if not isinstance(at, dict):
                raise SettingsError(f"{variable}: {group} cannot be both a value and a group")
        keeps_case = [group.lower() for group in groups][-1:] == ["detail_types"]
        at[name if keeps_case else name.lower()] = value
    return Layer("environment", values)


def _is_utf_8(text: str) -> bool:
    """Whether a text of the environment has no bytes that Python could not read."""
    return not any("\udc80" <= sign <= "\udcff" for sign in text)


def file_layer(path: Path | None, environment: Mapping[str, str]) -> Layer:
    """Read the TOML file: the one named, that of MAGENTO_EVENTBRIDGE_CONFIG, or the default one.

    Raises:
        SettingsError: a file that was named is missing, or a file is no TOML.
    """
    named = path or (
        Path(environment[CONFIG_FILE_VARIABLE]) if environment.get(CONFIG_FILE_VARIABLE) else None
    )
    file = named or DEFAULT_CONFIG_FILE
    try:
        return Layer(str(file), tomllib.loads(_text(file)))
    except FileNotFoundError:
        if named is None:
            return Layer(str(file), {})
        raise SettingsError(f"{file}: there is no such file") from None
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not UTF-8 at byte {error.start}") from None
    except ValueError as error:  # TOMLDecodeError, and a number of thousands of digits
        raise SettingsError(f"{file} is not TOML: {error}") from None
    except RecursionError:
        raise SettingsError(f"{file} is nested too deep") from None


def _text(file: Path) -> str:
    """Read a file, which may be a pipe, and may begin with the mark that Windows' editors write."""
    with file.open("rb") as opened:
        text = opened.read(_LONGEST_FILE + 1)
    if len(text) > _LONGEST_FILE:
        raise OSError(errno.EFBIG, f"it is longer than {_LONGEST_FILE} bytes")
    return text.decode("utf-8-sig")


def own_layers(
    *,
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
    command_line: Mapping[str, Any] | None = None,
) -> list[Layer]:
    """Read the bridge's own settings: TOML file < environment < command line.

    Raises:
        SettingsError: one of them cannot be read.
    """
    surroundings = os.environ if environment is None else environment
    return [
        file_layer(config, surroundings),
        environment_layer(surroundings),
        Layer("command line", command_line or {}),
    ]
