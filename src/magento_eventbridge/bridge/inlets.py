"""The HTTP inlet, from the settings."""

from magento_eventbridge.inlets.http import InletOptions
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.listeners import InletSettings


def check_inlet(inlet: InletSettings) -> None:
    """Check that an inlet would not accept captures from everybody.

    Raises:
        SettingsError: it is enabled, and has no secret.
    """
    if inlet.enabled and not inlet.secrets:
        raise SettingsError(
            "inlet.secrets: the HTTP inlet needs a secret that it shares with the shop: set "
            "MAGENTO_EVENTBRIDGE_INLET__SECRETS to at least 16 random characters (`openssl "
            "rand -hex 32` creates some), or set inlet.enabled = false"
        )


def inlet_options(inlet: InletSettings) -> InletOptions:
    """Convert the settings to the options of an inlet."""
    return InletOptions(
        host=inlet.host,
        port=inlet.port,
        secrets=tuple(secret.get_secret_value() for secret in inlet.secrets),
        max_body_bytes=inlet.max_body_bytes,
        max_waiting_bytes=inlet.max_waiting_bytes,
        max_connections=inlet.max_connections,
        replay_window=inlet.replay_window,
        tls_certificate=inlet.tls_certificate,
        tls_key=inlet.tls_key,
    )


def why_off(inlet: InletSettings) -> str:
    """Return why there is no inlet."""
    if not inlet.enabled:
        return "inlet.enabled is off"
    return "neither inlet.secrets nor the store has a secret for it"
