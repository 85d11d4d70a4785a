"""TLS to a server that the bridge connects to: the options, and the context made from them."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TlsOptions:
    """How to encrypt a connection, and how to check the server.

    Attributes:
        enabled: encrypt the connection; a CA or a certificate implies it.
        ca, ca_folder: PEM files of trusted authorities; None: the system's.
        certificate, key: PEM files of the client's own certificate.
        ciphers: in OpenSSL's notation.
        verify: check the server's certificate.
        verify_host: the server's certificate must name the host.
    """

    enabled: bool = False
    ca: Path | None = None
    ca_folder: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    ciphers: str | None = None
    verify: bool = True
    verify_host: bool = True


def tls_context(options: TlsOptions) -> ssl.SSLContext | None:
    """Create the context of a connection; None for a connection that is not encrypted.

    Raises:
        OSError: a file cannot be read or used; its message names the file.
    """
    if not (options.enabled or options.ca or options.ca_folder or options.certificate):
        return None
    with _named(options.ca, options.ca_folder):
        context = ssl.create_default_context(cafile=options.ca, capath=options.ca_folder)
    context.check_hostname = options.verify and options.verify_host
    if not options.verify:
        context.verify_mode = ssl.CERT_NONE
    if options.ciphers:
        with _named(options.ciphers):
            context.set_ciphers(options.ciphers)
    if options.certificate:
        with _named(options.certificate, options.key):
            context.load_cert_chain(options.certificate, options.key)
    return context


@contextmanager
def _named(*values: Path | str | None) -> Iterator[None]:
    """Name what cannot be used: OpenSSL's errors, and Python's beside them, name no file."""
    try:
        yield
    except OSError as error:
        names = ", ".join(str(value) for value in values if value)
        raise OSError(f"TLS cannot use {names}: {error.strerror or error}") from error
