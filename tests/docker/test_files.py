"""The containers' files, by the tools that read them; and the image itself where it can be built."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

BIN = Path(sys.executable).parent
COMPOSE = [BIN / "docker-compose"]
FILES = {
    "compose.yaml": [],
    "docker/docker-compose.yml": [],
    "gpu": ["-f", "compose.yaml", "-f", "docker/docker-compose.gpu.yml"],
    "ollama alone": ["-f", "docker/docker-compose.yml", "-f", "docker/docker-compose.ollama.yml"],
}


def config(*flags, **variables):
    done = subprocess.run(
        [*COMPOSE, *flags, "config", "--format", "json"],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", FILES)
def test_compose_files_are_valid(name):
    services = config(*(FILES[name] or ["-f", name]))["services"]
    assert {"api", "proxy", "ollama", "pull"} <= set(services)


def test_only_the_proxy_is_published_and_only_to_this_machine():
    services = config("-f", "compose.yaml")["services"]
    published = {name: one["ports"] for name, one in services.items() if one.get("ports")}
    assert list(published) == ["proxy"]
    assert published["proxy"][0]["host_ip"] == "127.0.0.1"


def test_variables_reach_the_services():
    services = config("-f", "compose.yaml", OLLAMA_MODEL="tiny:1b", QA_PUBLISH="0.0.0.0:80")["services"]
    assert services["api"]["environment"]["QA_OLLAMA_MODEL"] == "tiny:1b"
    assert services["pull"]["entrypoint"][-1] == "tiny:1b"
    assert services["proxy"]["ports"][0]["published"] == "80"


def test_services_are_bounded_and_start_in_order():
    services = config("-f", "compose.yaml")["services"]
    for name, service in services.items():
        assert service["deploy"]["resources"]["limits"]["memory"], name
        assert service["restart"], name
    assert services["proxy"]["depends_on"]["api"]["condition"] == "service_healthy"
    assert services["api"]["depends_on"]["ollama"]["condition"] == "service_healthy"
    assert services["pull"]["depends_on"]["ollama"]["condition"] == "service_healthy"
    for name in ("api", "proxy"):
        assert services[name]["read_only"], name
        assert services[name]["cap_drop"] == ["ALL"], name


def test_images_are_pinned():
    for name, service in config("-f", "compose.yaml")["services"].items():
        assert service["image"].partition(":")[2] not in ("", "latest"), name


def test_gpu_file_gives_ollama_the_devices():
    services = config(*FILES["gpu"])["services"]
    reserved = services["ollama"]["deploy"]["resources"]["reservations"]
    assert reserved["devices"][0]["driver"] == "nvidia"
    assert services["ollama"]["deploy"]["resources"]["limits"]["memory"]


def test_settings_in_the_compose_file_are_settings():
    from localqa.config import Settings

    known = {f"QA_{field.upper()}" for field in Settings.model_fields}
    compose = yaml.safe_load((ROOT / "docker" / "docker-compose.yml").read_text(encoding="utf-8"))
    given = {name for name in compose["services"]["api"]["environment"] if name.startswith("QA_")}
    assert given <= known


def test_dockerfile_has_nothing_to_be_mended():
    done = subprocess.run(
        [BIN / "hadolint", "docker/Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_image_holds_the_version_and_the_adapters_of_this_project():
    from localqa import __version__

    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    assert f"ARG VERSION={__version__}\n" in text
    for name in ("squad", "squad2", "policy", "contracts"):
        assert f"COPY models/{name}/" in text


@pytest.mark.parametrize("script", ["deploy_ollama.sh", "build_image.sh", "setup_environment.sh"])
def test_scripts_are_sound(script):
    subprocess.run(["bash", "-n", ROOT / "scripts" / script], check=True)
