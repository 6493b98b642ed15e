"""Certificates that results are signed with: made here on the first start, or the operator's own.

The folder ``certificates`` of the data folder holds ``signing.pem`` (the key, its certificate, and the
authority's above it), ``ca.pem`` (the authority's certificate, which is what others need to trust results)
and ``ca.key``. Making them again gives a new key under the same authority.
"""

import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.errors import ConfigError
from app.settings import Settings

logger = logging.getLogger(__name__)

SELF_SIGNED = "Fewstroke (self-signed)"
SIGNING, AUTHORITY, AUTHORITY_KEY = "signing.pem", "ca.pem", "ca.key"

# Without a time stamp a signature counts no longer than its certificate, and files are kept long.
_AUTHORITY_LASTS, _LASTS = timedelta(days=20 * 365), timedelta(days=10 * 365)
_SKEW = timedelta(hours=1)  # clocks of those who check are late
SOON = timedelta(days=30)
"""Before the end of a certificate: warned of."""

_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class Credentials:
    """A key, its certificate and those above it (PEM), and the algorithm that goes with them."""

    key: bytes
    chain: bytes
    algorithm: str


def folder_of(settings: Settings) -> Path:
    """Where certificates of this installation are made."""
    return settings.data_dir / "certificates"


def load(settings: Settings) -> Credentials:
    """As configured; by default those of the data folder, made if there are none. Raises ConfigError."""
    path = settings.signing_certificate
    if path is None:
        folder = folder_of(settings)
        path = folder / SIGNING
        try:
            if not path.exists():
                make(folder)
        except OSError as error:
            raise ConfigError(
                f"No certificate to sign results with can be made in {folder} ({error.strerror}): give this "
                "user the right to, or name one with FEWSTROKE_SIGNING_CERTIFICATE."
            ) from error
    return _read(path, settings.signing_key or path)


def certificate_of(settings: Settings) -> Path:
    """Where the certificate is, or will be."""
    return settings.signing_certificate or folder_of(settings) / SIGNING


def days_left(settings: Settings) -> int:
    """Of the certificate that is there. Raises ConfigError when it cannot be signed with."""
    credentials = load(settings)
    leaf = x509.load_pem_x509_certificates(credentials.chain)[0]
    return (leaf.not_valid_after_utc - datetime.now(UTC)).days


def make(folder: Path, organisation: str = SELF_SIGNED) -> None:
    """Make an authority, if the folder has none, and a key and a certificate under it. Raises OSError.

    Of two processes that make the folder at once the first one's counts.
    """
    if (folder / AUTHORITY_KEY).exists():
        authority = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
        authority_key = load_pem_private_key((folder / AUTHORITY_KEY).read_bytes(), None)
        assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
        _write_new(folder / SIGNING, _leaf(authority, authority_key, organisation))
        return
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Path(tempfile.mkdtemp(prefix=".certificates-", dir=folder.parent))  # for its user alone
    try:
        authority, authority_key = _authority(organisation)
        _write(made / AUTHORITY_KEY, _pem_of(authority_key))
        _write(made / AUTHORITY, authority.public_bytes(Encoding.PEM))
        _write(made / SIGNING, _leaf(authority, authority_key, organisation))
        try:
            made.rename(folder)
        except OSError:
            if not (folder / SIGNING).exists():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _authority(organisation: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(organisation, "Fewstroke authority")
    certificate = (
        _certificate(name, name, key, _AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, SHA256())
    )
    return certificate, key


def _leaf(authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey, organisation: str) -> bytes:
    """A key, its certificate as the specification of C2PA wants it, and the authority's."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _certificate(_name(organisation, "Fewstroke results"), authority.subject, key, _LASTS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, SHA256())
    )
    return b"".join((_pem_of(key), *(each.public_bytes(Encoding.PEM) for each in (certificate, authority))))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lasts: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(organisation: str, common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
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


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_new(target: Path, data: bytes) -> None:
    """In the place of what is there, whole or not at all."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    _write(temporary, data)
    temporary.replace(target)


def _write(target: Path, data: bytes) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def _read(certificates: Path, key_file: Path) -> Credentials:
    """Raises ConfigError when they cannot be read, do not belong together, or have expired."""
    try:
        chain = x509.load_pem_x509_certificates(certificates.read_bytes())
        key = load_pem_private_key(key_file.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"The certificate in {certificates} or its key in {key_file} cannot be read ({error}): both are "
            "PEM, and the key has no password."
        ) from error
    leaf = chain[0]
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*spki) != leaf.public_key().public_bytes(*spki):
        raise ConfigError(
            f"The key in {key_file} is not that of the first certificate in {certificates}: put the one it "
            "belongs to first, and those above it after it."
        )
    left = leaf.not_valid_after_utc - datetime.now(UTC)
    if left <= timedelta(0):
        raise ConfigError(
            f"The certificate in {certificates} has expired: get a new one, or make one with `fewstroke "
            "certificates create`."
        )
    if left < SOON:
        logger.warning("the certificate in %s expires in %d days", certificates, left.days)
    return Credentials(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain),
        _algorithm(key, key_file),
    )


def _algorithm(key: object, key_file: Path) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    raise ConfigError(
        f"C2PA signs with no such key as that in {key_file}: use one of the curve P-256 (or P-384, P-521, "
        "Ed25519), or RSA of 2048 bits or more."
    )
