"""What is deployed agrees with the program and with itself: image, compose.yaml, manifests, unit, release."""

import configparser
import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import __version__
from app.serve import gunicorn_arbiter, launcher, worker
from tests.architecture.tree import ROOT

Json = dict[str, Any]
PROFILES = ("plain", "tunnel", "tls")
HEALTHCHECK = ["python", "-m", "app", "healthcheck"]
SERVE = ["python", "-m", "app", "serve"]
MANIFESTS = ROOT / "deploy/kubernetes.yaml"
UNIT = ROOT / "deploy/mcp-proxy.service"


@pytest.fixture(scope="module")
def services() -> Json:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


@pytest.fixture(scope="module")
def manifests() -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for manifest in yaml.safe_load_all(MANIFESTS.read_text()):
        found.setdefault(manifest["kind"], []).append(manifest)
    return found


def chosen(services: Json, profile: str) -> Json:
    """What `docker compose up` starts with this profile."""
    return {name: service for name, service in services.items() if profile in service.get("profiles", [profile])}


def seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)s", text)
    assert found, text
    return int(found[1])


def unit() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign] # the names of systemd have capitals
    parsed.read_string(UNIT.read_text())
    return parsed


def test_each_bound_of_a_stop_is_longer_than_the_one_inside_of_it(
    services: Json, manifests: dict[str, list[Json]]
) -> None:
    inside = [
        worker.GRACEFUL_SHUTDOWN,
        gunicorn_arbiter.GRACEFUL_TIMEOUT,
        launcher.STOP_DEADLINE,
        seconds(services["app"]["stop_grace_period"]),
    ]
    assert inside == sorted(set(inside))
    [pod] = [deployment["spec"]["template"]["spec"] for deployment in manifests["Deployment"]]
    assert pod["terminationGracePeriodSeconds"] >= inside[-1]
    assert unit().getint("Service", "TimeoutStopSec") >= inside[-1]


@pytest.mark.parametrize("profile", PROFILES)
def test_each_profile_is_the_app_and_one_nginx_of_its_own_image(services: Json, profile: str) -> None:
    started = chosen(services, profile)
    assert started["app"]["container_name"] == "mcp-proxy"
    fronts = {name: service for name, service in started.items() if "nginx" in service.get("command", [])}
    assert list(fronts) == [profile]
    front = fronts[profile]
    assert front["command"] == ["python", "-m", "app", "nginx", profile, "--run"]
    assert front["image"] == started["app"]["image"]
    assert set(front["volumes"]) & set(started["app"]["volumes"]) == {"socket:/run/gateway"}
    assert front["environment"]["GATEWAY_EDGE_SOCKET"] == started["app"]["environment"]["GATEWAY_EDGE_SOCKET"]


@pytest.mark.parametrize(("profile", "ports"), [("plain", ["8080"]), ("tunnel", []), ("tls", ["80", "443"])])
def test_only_nginx_publishes_ports_and_the_tunnel_none(services: Json, profile: str, ports: list[str]) -> None:
    published = {name: service["ports"] for name, service in chosen(services, profile).items() if "ports" in service}
    assert set(published) <= {profile}
    assert [
        re.sub(r"\$\{[^}]*?:-(\d+)\}", r"\1", entry).split(":")[-2] for entry in published.get(profile, [])
    ] == ports
    assert all("network_mode" not in service for service in services.values())


def test_the_app_shares_no_network_with_anything_in_front_of_it(services: Json) -> None:
    assert "networks" not in services["app"]
    assert all("edge" in service["networks"] for name, service in services.items() if name != "app")


def test_the_tunnels_address_alone_may_say_who_the_client_is(services: Json) -> None:
    address = services["cloudflared"]["networks"]["edge"]["ipv4_address"]
    assert services["tunnel"]["environment"]["MCP_TRUSTED_PROXIES"] == address
    [given] = yaml.safe_load((ROOT / "compose.yaml").read_text())["networks"]["edge"]["ipam"]["config"]
    assert ip_address(address) in ip_network(given["subnet"])
    assert ip_address(address) not in ip_network(given["ip_range"])


def test_every_service_is_hardened_bounded_and_its_log_rotated(services: Json) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}, name
        assert not {"privileged", "cap_add", "pid", "ipc"} & set(service), name
        assert {"mem_limit", "pids_limit", "stop_grace_period"} <= set(service), name


def test_the_config_is_mounted_as_a_directory_that_cannot_be_written(services: Json) -> None:
    assert "./config:/app/config:ro" in services["app"]["volumes"]


def test_the_first_env_file_chooses_a_profile_that_exists(services: Json) -> None:
    [profile] = re.findall(r"^COMPOSE_PROFILES=(\w+)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert profile == "plain"
    assert {name for service in services.values() for name in service.get("profiles", [])} == set(PROFILES)


def test_the_manifests_fit_kubernetes_own_schemas() -> None:
    program = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run([program, "--strict", MANIFESTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pod_is_one_probed_by_our_own_command_and_no_prefix_stands_there(
    manifests: dict[str, list[Json]],
) -> None:
    [deployment] = manifests["Deployment"]
    assert deployment["spec"]["replicas"] == 1
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"].endswith(f":{__version__}")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["exec"]["command"] == HEALTHCHECK
    assert "httpGet" not in MANIFESTS.read_text()
    assert all(variable["name"] != "MCP_PATH_PREFIX" for variable in container["env"])
    assert len(manifests["PodDisruptionBudget"]) == 1


def test_config_and_keys_are_mounted_as_directories(manifests: dict[str, list[Json]]) -> None:
    [deployment] = manifests["Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    assert all("subPath" not in mount for mount in mounts.values())
    kinds = {volume["name"]: volume for volume in pod["volumes"]}
    assert kinds["config"]["configMap"]["name"] in {each["metadata"]["name"] for each in manifests["ConfigMap"]}
    assert kinds["keys"]["secret"]["secretName"] in {each["metadata"]["name"] for each in manifests["Secret"]}


def test_the_unit_serves_from_the_environment_that_the_scripts_set_up() -> None:
    service = unit()["Service"]
    assert service["ExecStart"].removeprefix("/opt/mcp-proxy/.venv/bin/").split() == SERVE
    assert service["KillMode"] == "mixed"


def test_the_image_starts_the_gateway_asks_after_its_health_and_belongs_to_nobody_in_particular() -> None:
    text = (ROOT / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert stages[0] == "${BASE}"
    assert len(re.findall(r"^ARG ", text, re.MULTILINE)) == 1
    shown = [f'"{word}"' for word in SERVE]
    assert text.rstrip().endswith(f"CMD [{', '.join(shown)}]")
    assert re.search(r"^USER 1000:1000$", text, re.MULTILINE)
    assert "MCP_DATA_DIR=/data " in text
    assert re.search(r"^HEALTHCHECK .* CMD \[\"python\", \"-m\", \"app\", \"healthcheck\"\]$", text, re.MULTILINE)


def test_a_release_builds_both_architectures() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    [build] = [step for step in workflow["jobs"]["image"]["steps"] if "build-push" in step.get("uses", "")]
    assert build["with"]["platforms"].split(",") == ["linux/amd64", "linux/arm64"]
