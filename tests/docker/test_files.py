"""The containers' files, by the tools that read them; and the image itself where it can be built."""

import json
import os
import re
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
    assert services["pull"]["command"] == ["tiny:1b"]
    assert services["proxy"]["ports"][0]["published"] == "80"


def test_another_ollama_server_can_be_named():
    named = config("-f", "compose.yaml", QA_OLLAMA_HOST="http://models.lan:11434")["services"]["api"]
    assert named["environment"]["QA_OLLAMA_HOST"] == "http://models.lan:11434"
    # That of this machine means another one in a container.
    unnamed = config("-f", "compose.yaml", OLLAMA_HOST="127.0.0.1:11434")["services"]["api"]
    assert unnamed["environment"]["QA_OLLAMA_HOST"] == "http://ollama:11434"


def test_default_limits_fit_any_machine():
    """More CPUs than there are is an error of the daemon; memory that is not there is none."""
    for name, service in config("-f", "compose.yaml")["services"].items():
        assert not float(service["deploy"]["resources"]["limits"].get("cpus", 0)), name


def test_limits_can_be_set():
    given = {"OLLAMA_CPUS": "1.5", "OLLAMA_MEMORY": "3g", "API_CPUS": "1", "API_MEMORY": "800m"}
    services = config("-f", "compose.yaml", **given)["services"]
    limits = {name: services[name]["deploy"]["resources"]["limits"] for name in ("api", "ollama")}
    assert limits["ollama"] == {"cpus": 1.5, "memory": str(3 * 1024**3)}
    assert limits["api"] == {"cpus": 1, "memory": str(800 * 1024**2)}


def test_the_library_may_be_in_postgresql():
    where = "postgresql://localqa:localqa@postgres/localqa"
    profile = {"COMPOSE_PROFILES": "postgres", "POSTGRES_CPUS": "1", "POSTGRES_MEMORY": "2g"}
    assert "postgres" not in config("-f", "compose.yaml")["services"]
    services = config("-f", "compose.yaml", QA_LIBRARY=where, **profile)["services"]
    assert services["api"]["environment"]["QA_LIBRARY"] == where
    assert services["api"]["depends_on"]["postgres"] == {"condition": "service_healthy", "required": False}
    server = services["postgres"]
    assert not server.get("ports")
    assert server["deploy"]["resources"]["limits"] == {"cpus": 1, "memory": str(2 * 1024**3)}
    assert server["read_only"]
    assert server["cap_drop"] == ["ALL"]
    assert server["image"].partition(":")[2] not in ("", "latest")


def test_services_start_in_order_and_texts_are_answered_without_ollama():
    services = config("-f", "compose.yaml")["services"]
    assert services["proxy"]["depends_on"]["api"]["condition"] == "service_healthy"
    assert services["pull"]["depends_on"]["ollama"]["condition"] == "service_healthy"
    assert services["api"]["depends_on"]["ollama"] == {"condition": "service_started", "required": False}


@pytest.mark.parametrize("name", ["api", "proxy", "ollama", "pull"])
def test_services_have_no_rights_to_spare_and_come_back(name):
    service = config("-f", "compose.yaml")["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["restart"] == "unless-stopped"


def test_all_files_mean_the_same_containers_and_volumes():
    names = {config(*(flags or ["-f", name]))["name"] for name, flags in FILES.items()}
    assert names == {"localqa"}


def repeated_routes():
    """The routes at which the proxy asks another replica where one died over a request."""
    text = (ROOT / "docker" / "nginx.conf").read_text(encoding="utf-8")
    blocks = re.findall(r"location ~ \^/\((\S+)\)/\?\$ \{([^}]+)\}", text)
    return {f"/{path}" for paths, body in blocks if "non_idempotent" in body for path in paths.split("|")}


def test_proxy_repeats_questions_alone():
    from app import create_app
    from localqa.config import Settings
    from tests.api.fake_reader import FakeReader

    app = create_app(Settings.load(ollama="off"), FakeReader())
    posts = {rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    changing = {"/api/adapters", "/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete"}
    assert {"/api/qa", "/api/qa/batch", "/predict", "/api/chat", "/v1/chat/completions"} <= repeated_routes()
    assert repeated_routes() <= posts - changing


def test_proxy_tells_the_limit_that_it_has():
    text = (ROOT / "docker" / "nginx.conf").read_text()
    sizes = set(re.findall(r"client_max_body_size ([1-9]\d*)m;", text))
    assert set(re.findall(r"limit of (\d+) MiB", text)) == sizes == {"16", "40"}
    assert re.search(r"~\^/api/documents/\?\$\s+'[^\n]*limit of 40 MiB", text)


def test_images_are_pinned():
    for name, service in config("-f", "compose.yaml")["services"].items():
        assert service["image"].partition(":")[2] not in ("", "latest"), name


def test_gpu_file_gives_ollama_the_devices():
    services = config(*FILES["gpu"])["services"]
    reserved = services["ollama"]["deploy"]["resources"]["reservations"]
    assert reserved["devices"][0]["driver"] == "nvidia"
    assert not services["ollama"].get("read_only")


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
