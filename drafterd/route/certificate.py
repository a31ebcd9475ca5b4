"""Traefik's default certificate: self-signed, made once.

Nobody is meant to trust it. It is there because Traefik without one makes a new one whenever the
routes change, which takes longer than everything else. Certificate and key share one file, so that
a kill cannot leave halves that do not fit.

It must not name what Traefik is to get certificates for: of a name that it finds here it believes that
it has one, and asks for none.
"""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from drafterd import files

FILE_NAME = "default.pem"
LIFETIME = dt.timedelta(days=825)
RENEW_BEFORE = dt.timedelta(days=30)

_SIZE_MAX = 100_000


def ensure(path: Path, *, host: str, now: dt.datetime | None = None, mode: int = 0o600) -> bool:
    """Make the file where it is missing, unusable, for other names or soon to end; returns whether it was made.

    Args:
        path: The PEM file; its folder is made too.
        host: What it names with all that lies below, e.g. `localhost`; "" for none, as with ACME.
        now: The present, with a time zone.
        mode: Of the file. Wider than the owner only for a proxy that runs as another user.
    """
    moment = now or dt.datetime.now(dt.UTC)
    if _usable(path, host, moment):
        return False
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    files.write_atomic(path, _make(host, moment), mode=mode)
    return True


def _usable(path: Path, host: str, now: dt.datetime) -> bool:
    try:
        pem = files.read_regular(path, limit=_SIZE_MAX)
        certificate = x509.load_pem_x509_certificate(pem)
        key = serialization.load_pem_private_key(pem, password=None)
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    fits = certificate.public_key() == key.public_key() and named == _names(host)
    return fits and certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE


def _names(host: str) -> x509.SubjectAlternativeName:
    hosts = [x509.DNSName(host), x509.DNSName(f"*.{host}")] if host else []
    numbers = [x509.IPAddress(ipaddress.ip_address(number)) for number in ("127.0.0.1", "::1")]
    return x509.SubjectAlternativeName([*hosts, *numbers])


def _make(host: str, now: dt.datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    # Traefik takes the common name for a name too.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "drafterd")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(_names(host), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
