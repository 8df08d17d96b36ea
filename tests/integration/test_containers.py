"""The container images and their example set-ups: held against the code, and their entry points run as processes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from datacatalog.domain.jobs.lifecycle import State
from datacatalog.services.dispatch import ACTORS
from datacatalog.settings import PREFIX, load
from tests.harness import Catalog, install

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
IMAGES = ("gateway", "worker", "reactor")


def instructions(image: str) -> list[tuple[str, str]]:
    """Return the instructions of an image's Dockerfile, as (name, rest)."""
    text = (DOCKER / image / "Dockerfile").read_text()
    lines = re.sub(r"\\\n\s*", " ", "\n".join(x for x in text.splitlines() if not x.startswith("#")))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines.splitlines() if line)]


def command(image: str) -> list[str]:
    """Return what a container of an image runs."""
    said = dict(instructions(image))
    return [word for name in ("ENTRYPOINT", "CMD") if name in said for word in json.loads(said[name])]


def variables(image: str) -> dict[str, str]:
    """Return the environment that an image sets."""
    final = instructions(image)[[name for name, _ in instructions(image)].index("FROM", 2) :]
    words = [word for name, rest in final if name == "ENV" for word in shlex.split(rest)]
    return dict(word.split("=", 1) for word in words)


def run(image: str, home: Path, *, actor: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run what a reactor's container runs, with its variables, and the folders of this machine in place of its own."""
    program, script = command(image)
    assert (program, script) == ("python", "/reactor/reactor.py")
    own = {**variables(image), "PATH": os.environ["PATH"], "DATACATALOG_CONFIG": str(home / "config.yml")}
    return subprocess.run(
        [sys.executable, str(ROOT / "reactors" / actor / "reactor.py")],
        env={**own, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def catalog(tmp_path: Path):
    made = install(tmp_path / "site")
    yield made
    made.app.close()


@pytest.mark.parametrize("image", IMAGES)
def test_image_is_built_in_stages_and_runs_as_nobody_special(image: str):
    said = instructions(image)
    names = [name for name, _ in said]
    assert names.count("FROM") == 2
    assert [rest for name, rest in said if name == "USER"] == ["10001:10001"]
    assert "HEALTHCHECK" in names
    users = [n for n, (name, _) in enumerate(said) if name in ("USER", "ENTRYPOINT")]
    assert users == sorted(users)


@pytest.mark.parametrize("image", IMAGES)
def test_image_is_made_of_what_is_there_and_reaches_the_builder(image: str):
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for name, rest in instructions(image):
        if name == "COPY" and "--from" not in rest:
            *sources, _ = rest.replace("${REACTOR}", "jobs-manager").split()
            assert all((ROOT / source).exists() for source in sources)
            assert {source.split("/")[0] for source in sources} <= sent


@pytest.mark.parametrize("image", ["gateway", "worker"])
def test_service_images_start_commands_that_there_are(image: str):
    program, *arguments = command(image)
    ended = subprocess.run(
        [sys.executable, "-m", program, *arguments, "--help"], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr


def test_every_variable_of_the_set_ups_is_a_setting_that_exists(tmp_path: Path):
    (tmp_path / "config.yml").write_text(
        yaml.safe_load((DOCKER / "kubernetes" / "configuration.yaml").read_text().split("---")[0])["data"][
            "config.yml"
        ]
    )
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    told = {**compose["services"]["gateway"]["environment"]}
    for image in IMAGES:
        told |= variables(image)
    environ = {name: filled(str(value)) for name, value in told.items() if name.startswith(PREFIX)}
    keys = {f"{PREFIX}SECRETS__{name}": "k" * 48 for name in ("TOKEN_KEY", "ADMINISTRATOR_KEY")}
    nonces = {f"{PREFIX}SECRETS__NONCES": '{"jobs-manager": "n"}'}
    settings = load(tmp_path / "config.yml", {**environ, **keys, **nonces})
    assert settings.store_url == "mongodb://secret:secret@mongodb:27017/datacatalog?authSource=admin"
    assert settings.transport_url == "amqp://secret:secret@rabbitmq:5672/"
    assert settings.secrets.nonces == {"jobs-manager": "n"}
    assert settings.config["worker"]["metrics_port"] == 9100
    assert settings.config["log"]["format"] == "json"


def filled(text: str) -> str:
    """Return a text of compose.yaml with its ${...} replaced: by what stands behind :-, or else "secret"."""
    return re.sub(r"\$\{\w+(?::-([^}]*)|:\?)?\}", lambda found: found[1] or "secret", text)


def test_compose_starts_a_gateway_and_two_workers_with_their_database_and_broker():
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"mongodb", "rabbitmq", "installed", "gateway", "worker"}
    assert services["worker"]["deploy"]["replicas"] == 2
    for service in services.values():
        mounted = {volume.split(":")[0] for volume in service["volumes"]}
        assert mounted <= set(compose["volumes"])
        if "build" in service:
            assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    asked = set(re.findall(r"\$\{(\w+)", (DOCKER / "compose.yaml").read_text()))
    given = {line.split("=")[0] for line in (DOCKER / "example.env").read_text().splitlines() if "=" in line}
    assert asked == given


def test_installation_of_compose_goes_on_where_it_was_cut_off(tmp_path: Path):
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    [script] = compose["services"]["installed"]["command"]
    home, store = tmp_path / "etc", tmp_path / "store"
    script = script.replace("/etc/datacatalog", str(home)).replace("/var/lib/datacatalog", str(tmp_path))
    environ = {
        **os.environ,
        "DATACATALOG_CONFIG": str(home / "config.yml"),
        "DATACATALOG_SECRETS__STORE_URL": f"sqlite:///{store}/catalog.db",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    def install() -> int:
        shell = ["sh", "-c", script.replace("$$", "$")]
        return subprocess.run(shell, env=environ, capture_output=True, timeout=60).returncode

    store.write_text("no database is there yet")
    assert install() != 0
    store.unlink()
    store.mkdir()
    assert install() == 0
    assert set(json.loads((home / "secrets.json").read_text())["nonces"]) == {"jobs-manager", "jobs-indexer"}
    assert install() == 0


def test_kubernetes_example_names_what_it_has():
    found = [
        document
        for file in sorted((DOCKER / "kubernetes").glob("*.yaml"))
        for document in yaml.safe_load_all(file.read_text())
    ]
    named = {(document["kind"], document["metadata"]["name"]) for document in found}
    [scaler] = [document for document in found if document["kind"] == "HorizontalPodAutoscaler"]
    target = scaler["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) in named
    for deployment in (document for document in found if document["kind"] == "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsUser"] == 10001
        volumes = {volume["name"] for volume in pod["volumes"]}
        for volume in pod["volumes"]:
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in named
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in named
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            image = container["image"].removeprefix("datacatalog/").removesuffix(":latest")
            assert image in IMAGES
            for port in container.get("ports", []):
                assert ("EXPOSE", str(port["containerPort"])) in instructions(image)


def test_pods_have_the_time_to_end_that_their_configuration_takes():
    folder = DOCKER / "kubernetes"
    [configuration, *_] = yaml.safe_load_all((folder / "configuration.yaml").read_text())
    config = yaml.safe_load(configuration["data"]["config.yml"])
    pods = {}
    for name in ("gateway", "worker"):
        [deployment, *_] = yaml.safe_load_all((folder / f"{name}.yaml").read_text())
        pods[name] = deployment["spec"]["template"]["spec"]
    look_s = pods["gateway"]["containers"][0]["readinessProbe"]["periodSeconds"]
    assert config["gateway"]["drain_s"] >= 2 * look_s
    assert pods["gateway"]["terminationGracePeriodSeconds"] >= config["gateway"]["drain_s"] + 15
    assert pods["worker"]["terminationGracePeriodSeconds"] >= config["worker"]["drain_s"] + 5


def test_autoscaler_asks_for_a_metric_by_the_name_that_the_adapter_gives():
    scaler = (DOCKER / "kubernetes" / "worker.yaml").read_text()
    [rule] = yaml.safe_load((DOCKER / "kubernetes" / "adapter" / "adapter-rule.yaml").read_text())["rules"][
        "external"
    ]
    assert f"metric: {{name: {rule['name']['as']}}}" in scaler
    assert rule["seriesQuery"].startswith(rule["name"]["as"])


# ------------------------------------------------------------------------------------------------ one message


def sent(job: Any, name: str, **fields: Any) -> str:
    return json.dumps({"uuid": job.job.uuid, "name": name, "token": job.token, **fields})


def test_every_reactor_has_what_its_image_is_made_of():
    assert {path.name for path in (ROOT / "reactors").iterdir() if path.is_dir()} == set(ACTORS)
    for actor in ACTORS:
        assert {"reactor.py", "config.yml"} <= {path.name for path in (ROOT / "reactors" / actor).iterdir()}


def test_container_handles_its_message_once_and_says_in_json_what_came_of_it(catalog: Catalog):
    job = catalog.job()
    execution = {"_abaco_execution_id": "J5yV7gkDmZ", "_abaco_actor_id": "AbC123", "_abaco_username": "ada"}
    message = sent(job, "run", data={"n": 1})
    first = run("reactor", catalog.home, actor="jobs-manager", MSG=message, **execution)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["state"] == catalog.state(job.job.uuid) == State.RUNNING
    again = run("reactor", catalog.home, actor="jobs-manager", MSG=message, **execution)
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert [each["name"] for each in catalog.history(job.job.uuid)] == ["create", "run"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, 0),
        ({"name": "explode"}, 2),
        ({"uuid": "107acb4d-1f93-553a-9e1c-b7b58125bc89"}, 3),
        ({"name": "indexed"}, 4),
        ({"token": "x" * 17}, 77),
    ],
)
def test_container_ends_with_the_code_of_what_came_of_its_message(
    catalog: Catalog, change: dict[str, str], code: int
):
    job = catalog.job()
    message = json.dumps({**json.loads(sent(job, "run")), **change})
    ended = run("reactor", catalog.home, actor="jobs-manager", MSG=message, _abaco_execution_id="e1")
    assert ended.returncode == code, ended.stderr
    assert job.token not in ended.stderr


def test_container_without_its_installation_says_so(tmp_path: Path):
    ended = run("reactor", tmp_path, actor="jobs-manager", MSG="{}")
    assert ended.returncode == 78
    assert "config" in ended.stderr
