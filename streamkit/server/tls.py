"""Encryption of the port: from two files, or with a certificate for development made here.

All that can be wrong with the files is found before the port is taken: the server shakes hands
with itself, in memory, as a client that trusts them would.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NoReturn

from streamkit.config import Settings
from streamkit.errors import ConfigurationError
from streamkit.server.self_signed import make_certificate

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
"""Every certificate that is made here is for these, and for the address that is listened on."""

EVERYWHERE = ("", "0.0.0.0", "::")
"""Addresses to listen on that clients cannot connect to by this name."""

RENEW_BEFORE = timedelta(days=30)
"""A certificate that is valid for less is made anew when the server starts."""

LOCK_SECONDS = 30.0
"""How long a server waits for another one that makes the same certificate."""

AUTHORITY_FILE = "authority.pem"
SERVER_FILE = "server.pem"


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate that was found to work.

    Attributes:
        context: for the server's side of its connections.
        authority: file, in PEM, of what clients trust; the certificate itself where it was given.
        names: that it was made for; empty where it was given.
        expires_at: with time zone.
    """

    context: ssl.SSLContext
    authority: Path
    names: tuple[str, ...]
    expires_at: datetime


def read_tls(settings: Settings, now: datetime | None = None) -> Tls | None:
    """Load what the settings ask for; None: no encryption.

    Args:
        settings: of the server.
        now: with time zone; default: the machine's clock.

    Raises:
        ConfigurationError: the files or the combination of options cannot work.
    """
    certificate, key = settings.tls_cert, settings.tls_key
    if settings.tls_self_signed:
        if certificate or key:
            raise ConfigurationError(
                "--tls-self-signed makes a certificate, and --tls-cert and --tls-key give one; "
                "choose one of the two"
            )
        import platformdirs

        now = now or datetime.now(timezone.utc)
        return development_tls(platformdirs.user_data_path("streamkit") / "tls", settings.host, now)
    if not certificate and not key:
        return None
    if not certificate or not key:
        given, missing = ("--tls-cert", "--tls-key") if certificate else ("--tls-key", "--tls-cert")
        raise ConfigurationError(
            f"{given} was given without {missing}; both are needed, and may name the same file"
        )
    certificate = certificate.expanduser()
    context = load_context(certificate, key.expanduser())
    try:
        expires_at = expiry(context, certificate)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", None) or error.reason or error
        raise ConfigurationError(
            f"clients would not accept the certificate {certificate}: {reason}; accepted: one "
            "that is valid now and made for a server"
        ) from error
    return Tls(context, certificate, (), expires_at)


def load_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Make the server's side of TLS 1.2 and later from files in PEM.

    Raises:
        ConfigurationError: a file is missing, unreadable, encrypted, or no PEM, or the key is
            another certificate's.
    """
    _check_readable("certificate", certificate)
    _check_readable("private key", key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a function for the password OpenSSL would ask for it on the terminal, and wait.
        context.load_cert_chain(certificate, key, password=_no_password)
    except _EncryptedError as error:
        raise ConfigurationError(
            f"the private key {key} is encrypted; accepted: one that is not, as "
            f"`openssl pkey -in {key} -out plain.pem` writes it"
        ) from error
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            text = f"the private key {key} is not the one of the certificate {certificate}"
        else:
            text = (
                f"the certificate {certificate} and the private key {key} cannot be used: "
                f"{error.reason or error}"
            )
        raise ConfigurationError(
            f"{text}; accepted: PEM, the server's own certificate first, and the key to that one"
        ) from error
    return context


def _check_readable(what: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"the {what} {path} cannot be read: {error.strerror}; give files in PEM with "
            "--tls-cert and --tls-key"
        ) from error


def expiry(context: ssl.SSLContext, trusted: Path, name: str | None = None) -> datetime:
    """Shake hands, in memory, with a client; returns until when it would.

    Args:
        context: the server's.
        trusted: certificates, in PEM, that the client trusts.
        name: of the server, as the client knows it; None: it does not care.

    Raises:
        SSLError: (of ssl) the client refuses, because of the time, the name or the purpose.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = name is not None
    # What is trusted need not be an authority.
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(trusted)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(down, up, server_hostname=name)
    server = context.wrap_bio(up, down, server_side=True)
    # As often as TLS 1.2 needs it; a side that is through does nothing.
    for side in (client, server, client, server, client):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    certificate = client.getpeercert()
    assert certificate is not None
    seconds = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return datetime.fromtimestamp(seconds, timezone.utc)


def development_tls(folder: Path, host: str, now: datetime) -> Tls:
    """Reuse the certificate for an address, or make one.

    Args:
        folder: of all such certificates; made if it is not there.
        host: to listen on.
        now: with time zone.

    Raises:
        ConfigurationError: the folder cannot be written, or the certificate cannot be made.
    """
    import filelock

    names = certificate_names(host)
    # Addresses of this machine itself share one certificate, so clients trust one file.
    own = next((name for name in names if name not in LOOPBACK_NAMES), "localhost")
    folder = folder / (re.sub(r"[^a-z0-9.-]", "_", own.lower()).strip(".") or "_")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with filelock.FileLock(folder / "lock", timeout=LOCK_SECONDS):
            return _kept(folder, names, now) or _made(folder, names, now)
    except OSError as error:
        raise ConfigurationError(
            f"cannot keep a certificate in {folder}: {error}; make the folder writable, or give a "
            "certificate of your own with --tls-cert and --tls-key"
        ) from error


def certificate_names(host: str) -> tuple[str, ...]:
    """Under which names clients find a server that listens on an address."""
    if host in EVERYWHERE:
        host = socket.gethostname()
        try:
            host.encode("idna")
        except UnicodeError:
            return LOOPBACK_NAMES
    # Which of its links this machine uses for an address is nobody else's business.
    return tuple(dict.fromkeys((*LOOPBACK_NAMES, host.partition("%")[0])))


def _kept(folder: Path, names: tuple[str, ...], now: datetime) -> Tls | None:
    """The certificate of a folder, if there is one and it is still good for a while."""
    authority, server = folder / AUTHORITY_FILE, folder / SERVER_FILE
    try:
        context = load_context(server, server)
        expires_at = min(expiry(context, authority, name) for name in names)
    except (ConfigurationError, OSError):
        return None
    return Tls(context, authority, names, expires_at) if expires_at - now > RENEW_BEFORE else None


def _made(folder: Path, names: tuple[str, ...], now: datetime) -> Tls:
    made = make_certificate(names, now)
    _write(folder / AUTHORITY_FILE, made.authority, 0o644)
    _write(folder / SERVER_FILE, made.server, 0o600)
    context = load_context(folder / SERVER_FILE, folder / SERVER_FILE)
    authority = folder / AUTHORITY_FILE
    return Tls(context, authority, names, expiry(context, authority))


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file as a whole; nobody can read it meanwhile who may not."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    os.replace(new, path)


class _EncryptedError(Exception):
    pass


def _no_password() -> NoReturn:
    raise _EncryptedError
