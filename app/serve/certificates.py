"""The certificate that nginx serves: a self-signed placeholder at first, then whatever good pair is put where we look.

nginx reads copies of ours, in its private directory, named after their contents: certbot writes a pair file by file,
and a broken or half-written one never takes the place of one that serves. May not know of nginx: its owner has it check
what `look` brings, and calls `take`.
"""

import datetime as dt
import hashlib
import logging
import os
import shutil
import ssl
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger("app.serve")

Paths = tuple[str, str]
"""Of the chain and of its key."""
LARGEST = 1 << 20
PAUSE = 0.4
# Of a certificate's life: who renews does so at a third.
LATE = 6
REMINDER = 6 * 3600.0
_VALID = dt.timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Pair:
    """Chain and key as PEM."""

    chain: bytes
    key: bytes = field(repr=False)
    unreadable: str = ""
    """Why one of them could not be read."""

    @property
    def name(self) -> str:
        """The same for the same contents alone."""
        return hashlib.sha256(b"%d %s%s" % (len(self.chain), self.chain, self.key)).hexdigest()[:24]


class Certificates:
    """Owned by who runs nginx, which asks `look` in every turn."""

    def __init__(self, directory: Path, source: Paths, domains: tuple[str, ...]) -> None:
        """`directory`: private, nginx's; `source`: where certificates come to be."""
        self._directory, self.source, self.domains = directory, source, domains
        self._seen: Pair | None = None
        self._judged: str | None = None
        self._look_at = self._remind_at = 0.0
        self._pair: Pair | None = _read(source)
        problem = self._problem(self._pair) if self._pair else None
        if problem:
            log.error("the certificate in %s is not served: %s", source[0], problem)
        if problem or not self._pair:
            self._judged = self._pair.name if self._pair else None
            self._pair = None
        self._serve(self._pair)

    def __repr__(self) -> str:
        return f"<Certificates {self.source[0]} {'placeholder' if self._pair is None else self._pair.name}>"

    @property
    def served(self) -> Paths:
        """What nginx is to read."""
        return self._served

    def look(self, now: float) -> Pair | None:
        """A pair that is new, whole, and the same as at the last look; one that is not whole is said once, loudly."""
        if now < self._look_at:
            return None
        self._look_at = now + PAUSE
        if now >= self._remind_at:
            self._remind_at = now + REMINDER
            self._remind()
        found = _read(self.source)
        settled, self._seen = found == self._seen, found
        if found is None or not settled or found == self._pair or found.name == self._judged:
            return None
        self._judged = found.name
        if problem := self._problem(found):
            self.refuse(problem)
            return None
        return found

    def take(self, pair: Pair | None) -> Pair | None:
        """From now on nginx is to read `pair` (None: the placeholder); returns what it was before."""
        before, self._pair = self._pair, pair
        self._serve(pair)
        self._remind_at = 0.0
        return before

    def refuse(self, problem: str) -> None:
        """What `look` brought is not to be had, or what was there is nothing to bring."""
        log.error("the new certificate in %s is not loaded, the former one is served on: %s", self.source[0], problem)
        self._tidy()

    def reconsider(self) -> None:
        """Try what was refused once more."""
        self._judged = None

    def announce(self) -> None:
        """Say which one it is now."""
        if self._pair:
            serial, until, _ = _facts(self._pair.chain)
            log.info("a new certificate is served", extra={"fields": {"serial": serial, "until": until.isoformat()}})

    def _serve(self, pair: Pair | None) -> None:
        self._served = self._write(pair or _placeholder(self.domains))
        self._tidy()

    def _tidy(self) -> None:
        # A running nginx has read its own long ago.
        for left in self._directory.glob("tls-*"):
            if left != Path(self._served[0]).parent:
                shutil.rmtree(left, ignore_errors=True)

    def _write(self, pair: Pair) -> Paths:
        folder = self._directory / f"tls-{pair.name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        paths = folder / "fullchain.pem", folder / "privkey.pem"
        for path, text in zip(paths, (pair.chain, pair.key), strict=True):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(text)
        return str(paths[0]), str(paths[1])

    def _problem(self, pair: Pair) -> str | None:
        """Why it cannot be served, in OpenSSL's words, which reads files alone."""
        if pair.unreadable:
            return pair.unreadable
        paths = self._write(pair)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*paths, password=lambda: b"")
            _facts(pair.chain)
        except (ssl.SSLError, ValueError, OSError) as error:
            return (
                (getattr(error, "reason", None) or str(error) or "not a certificate and its key")
                .replace("_", " ")
                .lower()
            )
        return None

    def _remind(self) -> None:
        if self._pair is None:
            log.warning("no certificate in %s yet: a self-signed placeholder is served until then", self.source[0])
            return
        _, until, life = _facts(self._pair.chain)
        left = until - dt.datetime.now(dt.UTC)
        if left < life / LATE:
            log.error("the certificate ends at %s and was not renewed: see certbot's log", until.isoformat())


def _read(source: Paths) -> Pair | None:
    """None while there is not a file of each kind."""
    texts: list[bytes] = []
    unreadable = ""
    for path in source:
        try:
            with open(path, "rb") as file:
                texts.append(file.read(LARGEST))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            unreadable = f"{path} cannot be read by uid {os.geteuid()}: {error.strerror}"
            texts.append(b"")
    return Pair(texts[0], texts[1], unreadable)


def _facts(chain: bytes) -> tuple[str, dt.datetime, dt.timedelta]:
    """Serial, end and length of life of the first certificate. Raises `ValueError`."""
    from cryptography import x509

    first, *_ = x509.load_pem_x509_certificates(chain)
    until = first.not_valid_after_utc
    return f"{first.serial_number:x}", until, until - first.not_valid_before_utc


def _placeholder(domains: tuple[str, ...]) -> Pair:
    """It names nobody but the host that was asked for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "placeholder")])
    now = dt.datetime.now(dt.UTC)
    hosts = x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(hosts, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(made.public_bytes(serialization.Encoding.PEM), private)
