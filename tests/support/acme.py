"""An ACME authority of a test's own: Debian's pebble on loopback, and the certbot that `compose.yaml` runs.

Every name leads to 127.0.0.1 for it (pebble-challtestsrv), and http-01 to one port. Stdlib, and cryptography.
"""

import datetime as dt
import json
import os
import signal
import ssl
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.gateway import free_port
from tests.support.processes import eventually, tree_of
from tests.support.programs import ROOT, python_of

STARTED_WITHIN = 60.0
ISSUED_WITHIN = 90.0


@dataclass
class Authority:
    """A running pebble."""

    directory_url: str
    management: str
    bundle: Path
    """What to trust when asking it."""
    log: Path

    def root(self) -> str:
        """The certificate that those it issues lead to, as PEM."""
        context = ssl.create_default_context(cafile=self.bundle)
        with urllib.request.urlopen(f"{self.management}/roots/0", context=context, timeout=30) as answer:
            return answer.read().decode()


@contextmanager
def authority(http_port: int) -> Iterator[Authority]:
    """`http_port`: where it looks for the answer to a challenge."""
    with tempfile.TemporaryDirectory(prefix="pebble-") as name:
        folder = Path(name)
        bundle, key = _own_certificate(folder)
        ports = [free_port() for _ in range(4)]
        api, management, dns, names = ports
        config = {
            "listenAddress": f"127.0.0.1:{api}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(bundle),
            "privateKey": str(key),
            "httpPort": http_port,
            "tlsPort": 1,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
        (folder / "config.json").write_text(json.dumps({"pebble": config}))
        off = [f"-{kind}=" for kind in ("defaultIPv6", "http01", "https01", "tlsalpn01")]
        resolver = ["pebble-challtestsrv", f"-dns01=127.0.0.1:{dns}", f"-management=127.0.0.1:{names}", *off]
        pebble = ["pebble", "-config", str(folder / "config.json"), "-dnsserver", f"127.0.0.1:{dns}"]
        quick = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
        log = folder / "log"
        with log.open("wb") as written:
            running = [
                subprocess.Popen(command, cwd=folder, env={**os.environ, **quick}, stdout=written, stderr=written)
                for command in (resolver, pebble)
            ]
        found = Authority(f"https://localhost:{api}/dir", f"https://localhost:{management}", bundle, log)
        try:
            eventually(lambda: _answers(found), STARTED_WITHIN, "pebble")
            yield found
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(5)


def _answers(found: Authority) -> bool:
    with suppress(OSError):
        return bool(found.root())
    return False


def _own_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now, public = dt.datetime.now(dt.UTC), key.public_key()
    signs = {"key_cert_sign": True, "digital_signature": True}
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    usage = x509.KeyUsage(**signs, **dict.fromkeys((*others, "encipher_only", "decipher_only"), False))
    made = (
        x509.CertificateBuilder(name, name, public, x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    bundle, private = folder / "authority.pem", folder / "authority.key"
    bundle.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return bundle, private


@dataclass
class Certbot:
    """The `certbot` service of compose.yaml, its volumes being directories of ours."""

    certificates: Path
    webroot: Path
    scratch: Path
    port: int
    """Where nginx answers in plain HTTP."""
    authority: Authority
    log: Path

    def run(self, domains: str, **environment: str) -> bool:
        """Its loop until it waits for another turn: whether it has what it wanted."""
        service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["certbot"]
        [script] = service["command"]
        for there, here in (
            ('("tls", 8080)', f'("127.0.0.1", {self.port})'),
            (" /tmp", f" {self.scratch}"),
            (" /certificates", f" {self.certificates}"),
            ('"/certificates', f'"{self.certificates}'),
            (" /webroot", f" {self.webroot}"),
            ("$$", "$"),
        ):
            assert there in script, there
            script = script.replace(there, here)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*service["entrypoint"], script],
                env={**self._environment(), "MCP_DOMAIN": domains, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            return eventually(lambda: _pause(process.pid), ISSUED_WITHIN, "the end of a turn") == "43200"
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.words()}") from error
        finally:
            # No nicer: `sleep` is all that runs.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)

    def words(self) -> str:
        """All that certbot and the authority said."""
        return self.log.read_text() + self.authority.log.read_text()

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": f"{Path(python_of('certbot')).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.scratch),
            "REQUESTS_CA_BUNDLE": str(self.authority.bundle),
            "MCP_ACME_EMAIL": "ops@example.test",
            "MCP_ACME_SERVER": self.authority.directory_url,
        }


def _pause(shell: int) -> str:
    pauses = [command.split()[1] for process in tree_of(shell) if (command := process.command).startswith("sleep ")]
    return pauses[0] if pauses and pauses[0] != "1" else ""
