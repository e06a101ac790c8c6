"""A loopback TLS server with a certificate of the test's choice, and the client's side of any TLS listener here."""

import asyncio
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path, host: str = "localhost", days: int = 1) -> Path:
    """A self-signed certificate and its key in one file; `days` below zero: it expired so long ago."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=30))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{host}{days}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


def split(combined: Path) -> tuple[bytes, bytes]:
    """Certificate and key of what `certificate` made."""
    text = combined.read_bytes()
    at = text.index(b"-----BEGIN PRIVATE KEY")
    return text[:at], text[at:]


@dataclass
class Tls:
    """A TLS listener on this machine, and who it says it is."""

    port: int
    name: str
    root: str | None = None
    """PEM to trust; None: whoever it is."""

    def context(self) -> ssl.SSLContext:
        if self.root:
            return ssl.create_default_context(cadata=self.root)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def connect(self, context: ssl.SSLContext | None = None, name: str | None = "") -> ssl.SSLSocket:
        """A handshake; `name`: another SNI, or None. Raises `ssl.SSLError`."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        try:
            return (context or self.context()).wrap_socket(raw, server_hostname=self.name if name == "" else name)
        except BaseException:
            raw.close()
            raise

    def presented(self) -> x509.Certificate:
        with self.connect(Tls(self.port, self.name).context()) as wire:
            told = wire.getpeercert(binary_form=True)
        assert told
        return x509.load_der_x509_certificate(told)

    def presents(self, serial: int) -> bool:
        """Whether this certificate alone is served: for a moment after a reload the former worker accepts, too."""
        with suppress(OSError):
            return all(self.presented().serial_number == serial for _ in range(16))
        return False

    def listens(self) -> bool:
        with suppress(OSError):
            return bool(self.presented())
        return False


@asynccontextmanager
async def answering(reply: bytes, certificate: Path | None = None) -> AsyncIterator[int]:
    """A port that answers every request with these bytes and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1)
            writer.write(reply)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
