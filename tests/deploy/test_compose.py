"""The compose file holds together: every name in it leads somewhere, nothing is offered to the world or floats."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from risk_stream.settings import load_settings
from risk_stream.watch.board import SOURCE

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("risk-stream:")}

services = pytest.mark.parametrize("name", SERVICES)
ours = pytest.mark.parametrize("name", OURS)


def test_it_is_valid_by_the_compose_specification() -> None:
    """No misspelt key, unknown condition or malformed port or duration."""
    compose_spec.PyCompose.from_json(json.dumps(COMPOSE)).validate()


def test_everything_around_a_worker_is_there() -> None:
    """What the README promises."""
    around = {"kafka", "redis", "prometheus", "alertmanager", "grafana", "textfile"}
    clerks = {"decisions", "margin", "desk", "mirror", "canary", "notices"}
    assert around | clerks | {"worker", "console", "topics", "book", "simulator"} == set(SERVICES)


@services
def test_its_image_is_pinned(name: str) -> None:
    """The same file gives the same servers next year."""
    assert re.search(r":v?\d+\.\d+\.\d+(-[a-z]+)?$", SERVICES[name]["image"])


@services
def test_its_ports_are_for_this_machine_only(name: str) -> None:
    """Nothing here has a password to speak of, so nothing is offered to the network."""
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@services
def test_what_it_waits_for_can_be_waited_for(name: str) -> None:
    """A healthy service has a health check, a finished one ends."""
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert "restart" not in SERVICES[other]


@services
def test_what_it_mounts_is_in_the_repository(name: str) -> None:
    """A missing folder would be mounted as an empty one, without a word."""
    for mount in SERVICES[name].get("volumes", []):
        source = mount.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists(), source
        else:
            assert source in COMPOSE["volumes"]


@services
def test_a_server_that_stays_says_whether_it_is_well(name: str) -> None:
    """Whatever restarts by itself has a health check, but the simulator, which serves nobody."""
    if "restart" in SERVICES[name] and name != "simulator":
        assert "healthcheck" in SERVICES[name]


@ours
def test_its_settings_exist_and_are_accepted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renamed setting would otherwise be ignored in silence."""
    known = load_settings()
    for key, value in OURS[name]["environment"].items():
        assert hasattr(known, key.removeprefix("RISK_STREAM_").lower()), key
        monkeypatch.setenv(key, re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value))
    settings = load_settings()
    assert settings.broker == "kafka:19092"
    assert settings.redis.startswith("redis://redis:")


@ours
def test_it_has_no_rights_it_does_not_need(name: str) -> None:
    """Read-only, no capabilities, no way to new ones."""
    assert OURS[name]["read_only"] is True
    assert OURS[name]["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in OURS[name]["security_opt"]


@ours
def test_its_command_is_one_of_ours(name: str) -> None:
    """`risk-stream COMMAND --help` knows every option it is started with."""
    from typer.main import get_command

    from risk_stream.cli import app

    command: Any = get_command(app)
    words = [*OURS[name].get("entrypoint", ["risk-stream"])[1:], *OURS[name]["command"]]
    context = command.make_context("risk-stream", [*words, "--help"], resilient_parsing=True)
    while words and hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("-")} <= options
    assert context is not None


def test_prometheus_scrapes_the_port_the_worker_serves() -> None:
    """However many workers there are: by the name they share."""
    config = yaml.safe_load((ROOT / "docker/prometheus/prometheus.yml").read_text())
    scraped = next(job for job in config["scrape_configs"] if job["job_name"] == "risk-stream")["dns_sd_configs"][0]
    assert scraped["names"] == ["worker"]
    assert str(scraped["port"]) == SERVICES["worker"]["environment"]["RISK_STREAM_METRICS_PORT"]
    assert SERVICES["worker"]["environment"]["RISK_STREAM_METRICS_HOST"] == "0.0.0.0"
    assert "ports" not in SERVICES["worker"]


def scraped(name: str) -> tuple[list[str], str]:
    """The names and the port at which Prometheus asks a process."""
    config = yaml.safe_load((ROOT / "docker/prometheus/prometheus.yml").read_text())
    (asked,) = (job for job in config["scrape_configs"] if job["job_name"] == f"risk-stream-{name}")
    return asked["dns_sd_configs"][0]["names"], str(asked["dns_sd_configs"][0]["port"])


def test_prometheus_scrapes_the_servers_of_decisions() -> None:
    """At the port they answer at, which is published to this machine alone."""
    served = SERVICES["decisions"]["environment"]["RISK_STREAM_DECISIONS_PORT"]
    assert scraped("decisions") == (["decisions"], served)
    assert SERVICES["decisions"]["ports"] == [f"127.0.0.1:{served}:{served}"]


@pytest.mark.parametrize("name", ["margin", "desk", "canary", "notices"])
def test_prometheus_scrapes_who_is_asked_by_nobody_else(name: str) -> None:
    """At the port it serves, which is not published, under the name of the job that alerts speak of."""
    served = SERVICES[name]["environment"][f"RISK_STREAM_{name.upper()}_PORT"]
    assert scraped(name) == ([name], served)
    assert "ports" not in SERVICES[name]


def test_prometheus_scrapes_the_mirror_which_tells_the_alertmanager_that_is_there() -> None:
    """At the port it serves, which is not published."""
    environment = SERVICES["mirror"]["environment"]
    assert scraped("mirror") == (["mirror"], environment["RISK_STREAM_MIRROR_PORT"])
    assert environment["RISK_STREAM_ALERTMANAGER"] == "http://alertmanager:9093"
    assert "ports" not in SERVICES["mirror"]


def test_nobody_is_told_of_a_customer_by_the_alertmanager() -> None:
    """Notices of ours tell people, once; the Alertmanager is there to look at."""
    config = yaml.safe_load((ROOT / "docker/alertmanager/alertmanager.yml").read_text())
    first = config["route"]["routes"][0]
    assert (first["matchers"], first["receiver"]) == ([f'source = "{SOURCE}"'], "nobody")
    assert next(one for one in config["receivers"] if one["name"] == "nobody") == {"name": "nobody"}


def test_the_console_is_there_for_this_machine_alone_and_prometheus_scrapes_it() -> None:
    """So that whoever is at this machine is let in as the shipped access.yaml says."""
    given = SERVICES["console"]["environment"]
    assert scraped("console") == (["console"], given["RISK_STREAM_CONSOLE_METRICS_PORT"])
    assert given["RISK_STREAM_CONSOLE_URL"] == "http://127.0.0.1:8088"
    assert SERVICES["console"]["ports"] == ["127.0.0.1:8088:8088"]


def test_heads_of_the_log_of_acts_outlive_the_desk() -> None:
    """In a volume that its user may write."""
    desk = SERVICES["desk"]
    volume, folder = desk["volumes"][-1].split(":")
    assert folder == desk["environment"]["RISK_STREAM_AUDIT_FOLDER"]
    assert volume in COMPOSE["volumes"]
    assert f"install -d -o risk {folder} " in (ROOT / "Dockerfile").read_text()  # else the volume would be root's


def test_prometheus_reads_what_the_closing_of_the_book_wrote() -> None:
    """One volume: the closing writes a *.prom file there, node_exporter reads its folder and says nothing else."""
    written = SERVICES["book"]["entrypoint"][-1]
    volume, folder = SERVICES["book"]["volumes"][-1].split(":")
    shared, read, mode = SERVICES["textfile"]["volumes"][0].split(":")
    assert (volume, str(Path(written).parent), Path(written).suffix) == (shared, folder, ".prom")
    assert mode == "ro"
    assert f"--collector.textfile.directory={read}" in SERVICES["textfile"]["command"]
    assert {"--collector.disable-defaults", "--collector.textfile"} <= set(SERVICES["textfile"]["command"])
    assert f"install -d -o risk {folder}\n" in (ROOT / "Dockerfile").read_text()  # else the volume would be root's
    config = yaml.safe_load((ROOT / "docker/prometheus/prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs["risk-stream-book"]["static_configs"] == [{"targets": ["textfile:9100"]}]
    assert SERVICES["textfile"]["expose"] == ["9100"]


def test_grafana_finds_its_data_source_and_dashboards() -> None:
    """Provisioned paths are those that compose mounts."""
    provisioning = ROOT / "docker/grafana/provisioning"
    source, shown = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    provider = yaml.safe_load((provisioning / "dashboards/risk-stream.yml").read_text())["providers"][0]
    assert source["url"] == "http://prometheus:9090"
    assert shown["url"] == SERVICES["mirror"]["environment"]["RISK_STREAM_ALERTMANAGER"]
    assert f"./dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "dashboards" / Path(home).name).exists()
    assert Path(home).parent == Path(provider["options"]["path"])


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("promtool", ["check", "rules", "docker/prometheus/rules.yml"]),
        ("promtool", ["check", "rules", "docker/prometheus/ratios.yml"]),
        ("promtool", ["check", "rules", "docker/prometheus/book.yml"]),
        ("promtool", ["check", "config", "--syntax-only", "docker/prometheus/prometheus.yml"]),
        ("amtool", ["check-config", "docker/alertmanager/alertmanager.yml"]),
    ],
    ids=["prometheus rules", "prometheus ratios", "ratios of the book", "prometheus", "alertmanager"],
)
def test_its_own_tool_accepts_the_configuration(tool: str, arguments: list[str]) -> None:
    """As the server itself would read it."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not on PATH")
    done = subprocess.run([tool, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_silences_another_alert_names_alerts_that_exist() -> None:
    """A renamed alert would silence nothing."""
    groups = yaml.safe_load((ROOT / "docker/prometheus/rules.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    names = {rule["alert"] for rule in rules}
    assert all(rule["annotations"].keys() >= {"summary", "action"} for rule in rules)
    for inhibit in yaml.safe_load((ROOT / "docker/alertmanager/alertmanager.yml").read_text())["inhibit_rules"]:
        for matcher in inhibit["source_matchers"] + inhibit["target_matchers"]:
            pattern = re.split(r'\s*=~?\s*"?', matcher)[1].strip('"')
            assert any(re.fullmatch(pattern, name) for name in names), matcher
