"""A certificate for development: an authority that signs once, and what it signed.

The authority's key is gone when `make_certificate` returns, so whoever trusts the authority
trusts this one certificate and nothing else that anybody could make. A certificate that signs
itself would do for Python and Node, but not for every other TLS library.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address

from streamkit.errors import ConfigurationError

LIFETIME = timedelta(days=397)
"""Some clients refuse certificates that are valid for longer than 398 days."""

SLOW_CLOCKS = timedelta(days=1)
"""So far a client's clock may be behind."""


@dataclass(frozen=True, slots=True)
class DevelopmentCertificate:
    """Two files in PEM.

    Attributes:
        authority: a certificate that clients trust; nothing in it is secret.
        server: private key and certificate of the server.
    """

    authority: bytes
    server: bytes = field(repr=False)


def make_certificate(
    names: Sequence[str], now: datetime, lifetime: timedelta = LIFETIME
) -> DevelopmentCertificate:
    """Make an authority and a certificate for some names.

    Args:
        names: host names, and addresses of either IP version.
        now: with its time zone.
        lifetime: from now on.

    Raises:
        ConfigurationError: the package `cryptography` is missing, or a name cannot be one.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError as error:
        raise ConfigurationError(
            "making a certificate needs the package cryptography, which is not installed: "
            "`pip install 'streamkit[tls]'`; or give a certificate of your own with --tls-cert "
            "and --tls-key"
        ) from error

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def usage(*, signs_certificates: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=not signs_certificates,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=signs_certificates,
            crl_sign=signs_certificates,
            encipher_only=False,
            decipher_only=False,
        )

    def alternative(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ip_address(name))
        except ValueError:
            pass
        try:
            return x509.DNSName(name.lower().encode("idna").decode())
        except ValueError as error:
            raise ConfigurationError(
                f"{name!r} was given as a host, and no certificate can name it; accepted: host "
                "names and IP addresses"
            ) from error

    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    # Each authority gets a name of its own: clients look for issuers by their names.
    issuer = named(f"streamkit development authority {secrets.token_hex(4)}")

    def begin(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        public = key.public_key()
        return (
            x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
            .not_valid_before(now - SLOW_CLOCKS)
            .not_valid_after(now + lifetime)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
                critical=False,
            )
        )

    authority = (
        begin(issuer, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        begin(named("streamkit development server"), server_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(map(alternative, names)), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return DevelopmentCertificate(
        authority=authority.public_bytes(Encoding.PEM),
        server=server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + server.public_bytes(Encoding.PEM),
    )
