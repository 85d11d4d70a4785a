"""The error of settings that cannot be used."""


class SettingsError(ValueError):
    """Settings that cannot be used; the message names each fault, the source, and what to do."""
