"""The example for Kubernetes is what a cluster accepts, and says only what the product knows.

`kubernetes.schema.json` is Kubernetes' own description of these kinds, strict: what it does not know is a fault. There
is no cluster here and no kustomize: that what is applied also runs is not shown.
"""

from __future__ import annotations

import json
import re
from itertools import chain
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.main import get_command

from risk_stream.access import read_access
from risk_stream.catalogue import load_catalogue
from risk_stream.cli import app
from risk_stream.kafka import wanted_topics
from risk_stream.rules import load_plan
from risk_stream.settings import Settings, load_settings, secret_names

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("kubernetes.schema.json").read_text())
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OBJECTS: list[dict[str, Any]] = [
    found for name in KUSTOMIZATION["resources"] for found in yaml.safe_load_all((FOLDER / name).read_text())
]
PODS = {o["metadata"]["name"]: o["spec"]["template"] for o in OBJECTS if "template" in o.get("spec", {})}
SERVERS = {name: pod for name, pod in PODS.items() if name != "topics"}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
#: What each server answers at which setting's port; the console's and the decisions' health is said by themselves.
ANSWERS = {
    "worker": {"metrics_port": "/metrics"},
    "desk": {"desk_port": "/metrics"},
    "notices": {"notices_port": "/metrics"},
    "mirror": {"mirror_port": "/metrics"},
    "console": {"console_port": "/healthz", "console_metrics_port": "/metrics"},
    "decisions": {"decisions_port": "/healthz"},
}

pods = pytest.mark.parametrize("name", PODS)
servers = pytest.mark.parametrize("name", SERVERS)


def container(name: str) -> dict[str, Any]:
    """The one container of a pod."""
    [one] = PODS[name]["spec"]["containers"]
    return dict(one)


def environment(name: str) -> dict[str, str]:
    """The variables of a process: those of the config map, and its own above them."""
    lines = (FOLDER / "house/settings.env").read_text().splitlines()
    shared = dict(line.split("=", 1) for line in lines)
    return shared | {one["name"]: one["value"] for one in container(name)["env"]}


def settings_of(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """The settings as that process reads them; its secrets are files here."""
    for variable, value in environment(name).items():
        if value.startswith("/run/secrets/"):
            file = tmp_path / Path(value).name
            file.write_text("secret")
            value = str(file)
        monkeypatch.setenv(variable, value)
    return load_settings()


@pytest.mark.parametrize("thing", OBJECTS, ids=lambda o: f"{o['kind']} {o['metadata']['name']}")
def test_an_object_is_what_kubernetes_accepts(thing: dict[str, Any]) -> None:
    """No misspelt word, no value of another kind."""
    [name] = [d for d in SCHEMA["$defs"] if d.endswith(f".{thing['kind']}") and d.startswith("io.k8s.api.")]
    jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}).validate(thing)
    group, _, version = thing["apiVersion"].rpartition("/")
    assert f".{group.removesuffix('.k8s.io') or 'core'}.{version}." in name


def test_a_misspelt_word_would_be_found() -> None:
    """Else the test above would say yes to anything."""
    wrong = json.loads(json.dumps(next(o for o in OBJECTS if o["kind"] == "Deployment")))
    wrong["spec"]["template"]["spec"]["containers"][0]["readOnlyRootFileSystem"] = True
    validator = jsonschema.Draft202012Validator(
        {"$ref": "#/$defs/io.k8s.api.apps.v1.Deployment", "$defs": SCHEMA["$defs"]}
    )
    assert [error.validator for error in validator.iter_errors(wrong)] == ["additionalProperties"]


def test_the_kustomization_names_every_file() -> None:
    """None that is not there, none left out."""
    generated = {
        file for one in KUSTOMIZATION["configMapGenerator"] for file in chain(one.get("files", ()), one.get("envs", ()))
    }
    there = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    assert {*KUSTOMIZATION["resources"], *generated, "kustomization.yaml"} == there
    assert set(KUSTOMIZATION) == {"apiVersion", "kind", "namespace", "resources", "images", "configMapGenerator"}
    [namespace] = [o["metadata"]["name"] for o in OBJECTS if o["kind"] == "Namespace"]
    assert KUSTOMIZATION["namespace"] == namespace


def test_the_image_is_the_one_that_compose_builds() -> None:
    """One name and version in both."""
    [image] = {container(name)["image"] for name in PODS}
    assert image == COMPOSE["worker"]["image"]
    [renamed] = KUSTOMIZATION["images"]
    assert f"{renamed['name']}:{renamed['newTag']}" == image


@pods
def test_its_command_is_one_of_ours_and_of_compose(name: str) -> None:
    """With options it knows."""
    words = list(container(name)["args"])
    assert words == COMPOSE[name]["command"]
    command: Any = get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    assert words == []


@pods
def test_its_settings_exist_and_are_accepted(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A renamed setting would otherwise be ignored in silence; secrets come from files."""
    secrets = {f"RISK_STREAM_{secret.upper()}" for secret in secret_names()}
    known = {f"RISK_STREAM_{field.upper()}" for field in Settings.model_fields} - secrets
    assert set(environment(name)) <= known | {f"{secret}_FILE" for secret in secrets}
    settings = settings_of(name, monkeypatch, tmp_path)
    assert settings.broker == "kafka.kafka:9093"
    assert settings.kafka_security == "sasl_ssl"
    assert [str(path) for path in settings.rules] == ["/etc/risk-stream/rules", "/etc/house/rules"]


@pods
def test_a_pod_is_told_nothing_but_what_stands_here(name: str) -> None:
    """Kubernetes sets NAME_PORT for each service: a setting of ours, where a service is called as we are."""
    spec = PODS[name]["spec"]
    assert spec["enableServiceLinks"] is False
    assert spec["automountServiceAccountToken"] is False


@pods
def test_a_pod_has_no_rights_it_does_not_need(name: str) -> None:
    """What the standard `restricted` asks for, and a root file system that nobody writes."""
    said = PODS[name]["spec"]["securityContext"]
    assert said["runAsNonRoot"] is True
    user = re.search(r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert user is not None
    assert said["runAsUser"] == int(user[1])
    assert said["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    [namespace] = [o for o in OBJECTS if o["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pods
def test_what_a_process_writes_and_reads_is_mounted(name: str) -> None:
    """The cache of kernels, temporary files, secrets: each path is of the image or of a volume, each volume is used."""
    mounts = {one["name"]: one["mountPath"] for one in container(name)["volumeMounts"]}
    claims = [c for o in OBJECTS if o["metadata"]["name"] == name for c in o["spec"].get("volumeClaimTemplates", [])]
    volumes = {one["name"] for one in PODS[name]["spec"]["volumes"]} | {c["metadata"]["name"] for c in claims}
    assert set(mounts) == volumes
    cache = re.search(r"NUMBA_CACHE_DIR=(\S+)/numba", (ROOT / "Dockerfile").read_text())
    assert cache is not None
    assert {"/tmp", cache[1]} <= set(mounts.values())
    for variable, value in environment(name).items():
        for path in re.findall(r"/(?:etc|run|var)/[\w./-]+", value):
            inside = path.startswith(("/etc/risk-stream/rules", "/etc/risk-stream/models"))
            assert inside or any(f"{path}/".startswith(f"{mount}/") for mount in mounts.values()), variable


@pods
def test_secrets_are_named_and_never_said(name: str) -> None:
    """Each comes from the one Secret that a house makes, as a file; a process has those that it needs."""
    [volume] = [one["secret"] for one in PODS[name]["spec"]["volumes"] if "secret" in one]
    assert volume["secretName"] == "risk-stream"
    files = {item["path"] for item in volume["items"]}
    asked = {Path(v).name for v in environment(name).values() if v.startswith("/run/secrets/risk-stream/")}
    assert asked == files
    shown = (ROOT / "docs/operations.md").read_text().partition("## In Kubernetes")[2].partition("\n## ")[0]
    assert all(f"--from-file={item['key']}" in shown for item in volume["items"])
    assert [o for o in OBJECTS if o["kind"] == "Secret"] == []


@servers
def test_its_ports_are_those_of_its_settings(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And the process listens where others reach it."""
    settings = settings_of(name, monkeypatch, tmp_path)
    ports = {one["containerPort"] for one in container(name)["ports"]}
    assert ports == {getattr(settings, field) for field in ANSWERS[name]}
    assert settings.metrics_host == "0.0.0.0"
    if name in {"console", "decisions"}:
        assert getattr(settings, f"{name}_host") == "0.0.0.0"
    scraped = PODS[name]["metadata"]["annotations"]["prometheus.io/port"]
    assert int(scraped) in ports


@servers
def test_its_probes_ask_what_it_answers(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """At start with the patience that compiling needs, then often; the console by the name that it goes by."""
    settings = settings_of(name, monkeypatch, tmp_path)
    answers = {getattr(settings, field): path for field, path in ANSWERS[name].items()}
    ports = {one["name"]: one["containerPort"] for one in container(name)["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container(name)[probe]["httpGet"]
        assert answers[ports[asked["port"]]] == asked["path"]
        if name == "console":
            assert {"name": "Host", "value": settings.console_url.removeprefix("https://")} in asked["httpHeaders"]
    start = container(name)["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] >= 180
    assert {"requests", "limits"} == set(container(name)["resources"])


@servers
def test_what_runs_twice_is_not_put_out_at_once(name: str) -> None:
    """A budget for each server of several, and none that forbids to drain a machine."""
    [owner] = [o for o in OBJECTS if o["metadata"]["name"] == name and o["kind"] in {"Deployment", "StatefulSet"}]
    budgets = [o for o in OBJECTS if o["kind"] == "PodDisruptionBudget" and o["metadata"]["name"] == name]
    assert (owner["spec"]["replicas"] > 1) == bool(budgets)
    for budget in budgets:
        assert budget["spec"]["selector"] == owner["spec"]["selector"]
        assert budget["spec"]["maxUnavailable"] < owner["spec"]["replicas"]
    assert owner["spec"]["selector"]["matchLabels"].items() <= PODS[name]["metadata"]["labels"].items()


def test_services_and_policies_are_of_pods_and_ports_that_there_are() -> None:
    """A policy for a renamed process would protect nobody."""
    ports = {one["containerPort"] for name in SERVERS for one in container(name)["ports"]}
    for thing in OBJECTS:
        if thing["kind"] == "Service":
            pod = container(thing["spec"]["selector"]["app.kubernetes.io/component"])
            named = {(one["name"], one["containerPort"]) for one in pod["ports"]}
            assert {(one["targetPort"], one["port"]) for one in thing["spec"]["ports"]} <= named
        if thing["kind"] == "NetworkPolicy":
            labels = thing["spec"]["podSelector"].get("matchLabels", {})
            assert labels.get("app.kubernetes.io/component", "worker") in PODS
            for rule in thing["spec"].get("ingress", []):
                assert {one["port"] for one in rule["ports"]} <= ports
    [closed] = [o["spec"] for o in OBJECTS if o["metadata"]["name"] == "nothing"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_prometheus_may_read_every_port_it_is_told_of() -> None:
    """Annotations and the policy agree."""
    [policy] = [o["spec"] for o in OBJECTS if o["metadata"]["name"] == "prometheus"]
    allowed = {str(one["port"]) for one in policy["ingress"][0]["ports"]}
    assert {pod["metadata"]["annotations"]["prometheus.io/port"] for pod in SERVERS.values()} == allowed


def test_what_the_house_says_is_good(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its rules load as a config map shows them (links into a hidden folder), its people are read, topics fit."""
    hidden = tmp_path / "rules" / "..2026"
    hidden.mkdir(parents=True)
    (hidden / "rules.yaml").write_text((FOLDER / "house/rules.yaml").read_text())
    (tmp_path / "rules" / "..data").symlink_to("..2026")
    (tmp_path / "rules" / "rules.yaml").symlink_to("..data/rules.yaml")
    catalogue = load_catalogue()
    assert [rule.id for rule in load_plan([tmp_path / "rules"], catalogue).rules] == ["house-large-transfer"]
    access = read_access(FOLDER / "house")
    assert access.local is None, "the console is reached from elsewhere"
    assert set(access.people) == {"wang", "li", "zhao"}
    settings = settings_of("topics", monkeypatch, tmp_path)
    assert {topic.replication for topic in wanted_topics(settings, catalogue)} == {3}
