"""In certbot's place in a container: asks its question over HTTP, and leaves a certificate of its own making.

Takes certbot's options and uses those that say where things are; run by the image's Python.
"""

import datetime as dt
import sys
import urllib.request
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ISSUER = "The authority of the test"


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


def ask() -> None:
    """What the authority would do: fetch what stands in the webroot."""
    folder = Path(option("--webroot-path"), ".well-known/acme-challenge")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token").write_text("proof")
    with urllib.request.urlopen("http://tls:8080/.well-known/acme-challenge/token", timeout=5) as answer:
        assert answer.read() == b"proof"


def certificate(domains: list[str]) -> tuple[bytes, bytes]:
    """Chain and key as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domains[0])]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in domains]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), private


def main() -> None:
    ask()
    name = option("--cert-name")
    archive, live = (Path(option("--config-dir"), kind, name) for kind in ("archive", "live"))
    for folder in (archive, live):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stem, text in zip(("fullchain", "privkey"), certificate(option("--domains").split(",")), strict=True):
        (archive / f"{stem}1.pem").write_bytes(text)
        (archive / f"{stem}1.pem").chmod(0o600)
        (live / f"{stem}.pem").unlink(missing_ok=True)
        (live / f"{stem}.pem").symlink_to(f"../../archive/{name}/{stem}1.pem")


main()
