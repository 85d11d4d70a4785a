"""The error of settings that cannot be used."""

from magento_eventbridge.errors import BridgeError


class SettingsError(BridgeError, ValueError):
    """Settings that cannot be used; the message names each fault, the source, and what to do."""

    exit_status = 2
