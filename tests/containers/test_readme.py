"""The README's ways to deploy, typed as they stand there by somebody with a fresh clone."""

import asyncio
import json
import re
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from tests.architecture.tree import ROOT
from tests.containers.conftest import copy_of_the_tree
from tests.containers.engine import IMAGE, Engine
from tests.containers.outside import call, get, port_for, states, tool_names, wait_until_ready
from tests.support.processes import eventually

# The first test waits until the base image is made and built upon.
pytestmark = pytest.mark.timeout(600)

KEY = re.compile(r"mgw_[0-9A-Za-z_]{58}")
LONGEST = 10
# In the tunnel's place: it has its name, its token and its address, and does nothing by itself.
TUNNEL = f"""\
FROM {IMAGE}
RUN printf '[ "$*" = "tunnel --no-autoupdate run" ] && [ "$TUNNEL_TOKEN" ] && exec sleep 600' > /tmp/cloudflared
ENTRYPOINT ["sh", "/tmp/cloudflared"]
"""
# In certbot's place: tests/containers/certbot.py.
CERTBOT = f"""\
FROM {IMAGE}
COPY --chmod=755 certbot /usr/local/bin/certbot
"""
HOST = "mcp.example.com"
SPOOF = (
    "import urllib.request as u; print(u.urlopen(u.Request('http://nginx:8080/health', "
    "headers={'CF-Connecting-IP': '203.0.113.7'})).status)"
)


def sections() -> dict[str, str]:
    """Heading to its block."""
    text = (ROOT / "README.md").read_text().split("\n## Deploy\n")[1].split("\n## ")[0]
    return {
        part.partition("\n")[0]: re.findall(r"^```sh compose\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)[0]
        for part in text.split("\n### ")[1:]
    }


def follow(podman: Engine, folder: Path, heading: str) -> tuple[Path, int, list[str]]:
    """Types the section's block into a fresh clone: the clone, the port, and the keys that were shown."""
    clone, port = copy_of_the_tree(folder), port_for(8080)
    block = sections()[heading].replace("8080:8080", f"{port}:8080")
    composed = (clone / "compose.yaml").read_text()
    for inside, wanted in ((8080, 80), (8443, 443)):
        composed = composed.replace(f'"{wanted}:{inside}"', f'"{port_for(wanted)}:{inside}"')
    (clone / "compose.yaml").write_text(composed)
    said = podman.shell(block, clone, seconds=150, MCP_PORT=str(port))
    return clone, port, KEY.findall(said)


def container(podman: Engine, word: str) -> str:
    [name] = [name for name in podman.run("ps", "--format", "{{.Names}}").split() if word in name]
    return name


def test_there_are_four_ways_and_none_is_longer_than_ten_lines() -> None:
    assert len(sections()) == 4
    assert {heading: block.count("\n") for heading, block in sections().items() if block.count("\n") > LONGEST} == {}


def test_a_team_with_keys_of_their_own(podman: Engine, tmp_path: Path) -> None:
    _, port, (ada, robot) = follow(podman, tmp_path, "For a team")
    wait_until_ready(port, ada, "time")
    assert asyncio.run(tool_names(port, ada)) == ["time__get_current_time", "time__convert_time"]
    assert asyncio.run(tool_names(port, robot)) == ["time__get_current_time"]
    assert "UTC" in asyncio.run(call(port, robot, "time__get_current_time", {"timezone": "UTC"}))


def test_a_config_that_is_edited_live(podman: Engine, tmp_path: Path) -> None:
    _, port, (key,) = follow(podman, tmp_path, "With a config that is edited live")
    eventually(lambda: states(port, key) == {"clock": "ready"}, 90, "the edit arrives")
    assert "UTC" in asyncio.run(call(port, key, "clock__get_current_time", {"timezone": "UTC"}))


def test_behind_a_tunnel_nothing_is_published_and_the_tunnel_alone_says_who_the_client_is(
    podman: Engine, tmp_path: Path
) -> None:
    (tmp_path / "tunnel").mkdir()
    (tmp_path / "tunnel/Dockerfile").write_text(TUNNEL)
    podman.build("cloudflare/cloudflared:latest", tmp_path / "tunnel")
    _, _, (key,) = follow(podman, tmp_path, "Behind a Cloudflare Tunnel")
    assert podman.run("port", "-a").strip() == ""
    tunnel, front = container(podman, "cloudflared"), container(podman, "_tunnel_")
    asked = ["exec", "-e", "MCP_ENDPOINT=http://nginx:8080/mcp", "-e", f"MCP_API_KEY={key}", tunnel]

    def listed() -> bool:
        return "time__get_current_time" in podman.run(*asked, "python", "-m", "app", "tools", check=False)

    eventually(listed, 90, "the tools are listed through the tunnel's network")
    assert podman.run("exec", tunnel, "python", "-c", SPOOF).strip() == "200"
    network = next(name for name in podman.run("network", "ls", "--format", "{{.Name}}").split() if "edge" in name)
    assert podman.run("run", "--rm", "--network", network, IMAGE, "python", "-c", SPOOF).strip() == "200"
    lines = [json.loads(line) for line in podman.logs(front).splitlines() if "nginx.access" in line]
    last = [line["address"] for line in lines if line["path"] == "/health"][-2:]
    assert last[0] == "203.0.113.7"
    assert last[1].startswith("172.30.255.")
    probe = "import socket; socket.create_connection(('app', 8080), 3)"
    refused = podman.run("exec", tunnel, "sh", "-c", f'python -c "{probe}" 2>&1 || true')
    assert "Error" in refused or "gaierror" in refused


def shake_hands(port: int, name: str) -> tuple[socket.socket, str]:
    """A TLS connection to this machine under a name, and the PEM of the certificate that was shown."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    secure = trusting.wrap_socket(socket.create_connection(("127.0.0.1", port), 5), server_hostname=name)
    shown = secure.getpeercert(binary_form=True)
    assert shown
    return secure, ssl.DER_cert_to_PEM_cert(shown)


def issuer(port: int) -> str:
    try:
        secure, shown = shake_hands(port, HOST)
    except OSError:
        return ""
    secure.close()
    return x509.load_pem_x509_certificate(shown.encode()).issuer.rfc4514_string()


def test_on_a_server_of_its_own_a_certificate_comes_by_itself(podman: Engine, tmp_path: Path) -> None:
    (tmp_path / "certbot").mkdir()
    (tmp_path / "certbot/Dockerfile").write_text(CERTBOT)
    program = Path(__file__).with_name("certbot.py").read_text()
    (tmp_path / "certbot/certbot").write_text(f"#!/app/.venv/bin/python\n{program}")
    podman.build("certbot/certbot:latest", tmp_path / "certbot")
    clone, _, (key,) = follow(podman, tmp_path, "On a server of your own, with TLS")
    plain, secure = re.findall(r'"(\d+):(?:8080|8443)"', (clone / "compose.yaml").read_text())
    eventually(lambda: "authority of the test" in issuer(int(secure)), 60, "the certificate is served")
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        shake_hands(int(secure), "other.example.com")
    assert get(int(plain), "/mcp") == (404, {"error": "not_found", "error_description": "Not found"})
    connection, _ = shake_hands(int(secure), HOST)
    with connection:
        request = f"GET /health HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"200 OK" in answer
    assert b"strict-transport-security" in answer.lower()
    assert b'"time"' in answer
