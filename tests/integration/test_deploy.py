"""The files in `deploy/` are valid for their tools, and use settings that the bridge has."""

import asyncio
import configparser
import json
import logging
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser

from magento_eventbridge.cli import all_commands
from magento_eventbridge.cli.serve import NAME as SERVE
from magento_eventbridge.observability.log import _LogFile
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.layers import load
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.settings.sources import ENVIRONMENT_PREFIX, environment_layer
from tests.support.process import serving
from tests.support.programs import free_ports, program
from tests.support.put_events import put_events
from tests.support.templates import terraform

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "magento-eventbridge.service"
ENVIRONMENT = DEPLOY / "magento-eventbridge.env"
COMPOSE = DEPLOY / "compose.yaml"
SHOP = DEPLOY / "compose.shop.yaml"
DOCKERFILE = DEPLOY / "Dockerfile"

COMMAND = "/opt/magento-eventbridge/bin/magento-eventbridge"
OPEN_REQUESTS_GET = 10


def unit() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(UNIT.read_text())
    return parser["Service"]


def bridge() -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]["bridge"]
    return service


def dockerfile() -> list[tuple[str, str]]:
    parser = DockerfileParser(path=str(DOCKERFILE))
    return [(line["instruction"], line["value"]) for line in parser.structure]


def value(instruction: str) -> str:
    """Return the value of the last instruction of this name."""
    return [said for name, said in dockerfile() if name == instruction][-1]


def parses(words: Sequence[str]) -> None:
    """Parse a command line without running the command."""
    name, *others = words
    assert name == SERVE
    group: Any = all_commands()
    group.commands[name].make_context(name, others)


def are_settings(variables: Iterable[tuple[str, str]]) -> Settings:
    """Read variables as the bridge does, which refuses unknown ones."""
    ours = {name: said for name, said in variables if name.startswith(ENVIRONMENT_PREFIX)}
    assert ours
    settings, _ = load([environment_layer(ours)])
    return settings


def longest_stop() -> float:
    return Settings().delivery.stop_seconds + OPEN_REQUESTS_GET


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace(COMMAND, sys.executable))
    ran = subprocess.run(
        [analyze, "verify", str(here)], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_unit_shuts_the_service_in(tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text())
    ran = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", str(here)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-300:] + ran.stderr


def test_the_unit_starts_what_there_is_and_waits_for_its_end() -> None:
    service = unit()
    command, *words = shlex.split(service["ExecStart"])
    assert command == COMMAND
    parses(words)
    assert float(service["TimeoutStopSec"]) > longest_stop()
    assert service["Restart"] == "always"
    # The spool's default location.
    assert Settings().spool.path.parent == Path("/var/lib") / service["StateDirectory"]


def test_the_environment_file_holds_settings_only() -> None:
    lines = ENVIRONMENT.read_text().splitlines()
    given = [re.fullmatch(r"#?([A-Z_]+)=(.*)", line) for line in lines]
    settings = are_settings((found[1], found[2]) for found in given if found)
    assert settings.magento_root is not None
    service = unit()
    assert service["EnvironmentFile"] == "/etc/magento-eventbridge.env"
    assert service["ReadOnlyPaths"] == f"-{settings.magento_root}"
    assert settings.log_file is not None
    assert service["ReadWritePaths"] == f"-{settings.log_file.parent}"


def test_the_dockerfile_is_good_in_the_eyes_of_a_linter() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    ran = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_the_image_runs_what_there_is_as_somebody_harmless() -> None:
    command = [*json.loads(value("ENTRYPOINT")), *json.loads(value("CMD"))]
    assert command[0] == Path(COMMAND).name
    parses(command[1:])
    assert value("USER") not in ("0", "root")
    # The root file system cannot be written; a mounted volume keeps the mode of these folders.
    assert json.loads(value("VOLUME")) == [str(Settings().spool.path.parent), "/tmp"]
    listening = Settings()
    assert [int(port) for port in value("EXPOSE").split()] == [
        listening.inlet.port,
        listening.metrics.port,
    ]
    variables = re.findall(rf"({ENVIRONMENT_PREFIX}\w+)=(\S+)", value("ENV"))
    settings = are_settings(variables)
    assert (settings.log.format, settings.metrics.enabled) == ("json", True)


async def test_the_image_checks_the_health_of_the_bridge(tmp_path: Path) -> None:
    words = json.loads(value("HEALTHCHECK").partition("CMD ")[2])
    (port,) = free_ports(1)
    monitored = {"METRICS__ENABLED": "true", "METRICS__PORT": str(port)}
    async with put_events() as endpoint, serving(tmp_path, endpoint.url, **monitored):
        # The test's port instead of the image's.
        here = [word.replace(":8473", f":{port}") for word in words[1:]]
        assert here != words[1:]
        assert await asyncio.to_thread(subprocess.call, [sys.executable, *here]) == 0
    after = await asyncio.to_thread(
        subprocess.run, [sys.executable, *here], capture_output=True, check=False
    )
    assert after.returncode == 1


def test_the_image_copies_what_the_project_has_and_nothing_is_kept_from_it() -> None:
    root = DEPLOY.parent
    let_in = {
        line.removeprefix("!")
        for line in (root / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for name, said in dockerfile():
        if name == "COPY" and not said.startswith("--from"):
            *sources, _ = said.split()
            assert set(sources) <= let_in
            assert all((root / source).exists() for source in sources)


@pytest.mark.parametrize("file", [COMPOSE, SHOP], ids=lambda file: file.name)
def test_the_compose_files_keep_to_the_specification(file: Path) -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    ran = subprocess.run(
        [check, "--builtin-schema", "vendor.compose-spec", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_compose_file_gives_the_bridge_what_it_needs() -> None:
    service = bridge()
    given = {name: said if "$" not in said else "" for name, said in service["environment"].items()}
    given[f"{ENVIRONMENT_PREFIX}INLET__HOST"] = "127.0.0.1"
    settings = are_settings(given.items())
    assert service["environment"][f"{ENVIRONMENT_PREFIX}INLET__HOST"].endswith(":-127.0.0.1}")
    assert settings.magento_root is not None
    assert settings.log_file is not None
    places = dict(volume.rsplit(":/", 1) for volume in service["volumes"])
    inside = {f"/{place}" for place in places.values()}
    assert inside == {
        f"{settings.magento_root}/app/etc:ro",
        str(settings.log_file.parent),
        str(settings.spool.path.parent),
    }
    assert service["user"].split(":")[0] == value("USER")
    assert float(service["stop_grace_period"].removesuffix("s")) > longest_stop()
    assert (COMPOSE.parent / service["build"]["context"] / service["build"]["dockerfile"]).exists()


@pytest.mark.parametrize("key", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_no_secret_stands_in_the_compose_file(key: str) -> None:
    assert bridge()["environment"][key] == f"${{{key}:-}}"


# Beside the service

LOGROTATE = DEPLOY / "magento-eventbridge.logrotate"
WRAPPER = DEPLOY / "magento-eventbridge.sh"


def test_the_service_is_restarted_when_it_hangs_and_not_when_its_settings_are_wrong() -> None:
    service = unit()
    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert float(service["WatchdogSec"]) > 2 * Settings().delivery.answer_seconds
    assert int(service["RestartPreventExitStatus"]) == SettingsError.exit_status


@pytest.mark.skipif(os.geteuid() != 0, reason="only root rotates files of other users")
def test_logrotate_moves_the_log_and_the_bridge_goes_on(tmp_path: Path) -> None:
    logrotate = program("logrotate", "logrotate")
    # pytest's folders are closed to www-data.
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        _rotate(logrotate, Path(root) / "var/log", tmp_path)


def _rotate(logrotate: str, folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    log = folder / "aws-eventbridge.log"
    log.write_text("before\n")
    for path in (folder, log):
        os.chown(path, 33, 33)
    folder.chmod(0o2770)
    rules = LOGROTATE.read_text().replace("/var/www/html/var/log", str(folder))
    assert str(log) in rules
    file = tmp_path / "rules"
    file.write_text(rules)
    handler = _LogFile(log)
    ran = subprocess.run(
        [logrotate, "--force", "--state", str(tmp_path / "state"), str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    handler.emit(logging.makeLogRecord({"msg": "after"}))
    handler.close()
    assert log.read_text() == "after\n"
    assert (folder / "aws-eventbridge.log.1").read_text() == "before\n"
    status = log.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (33, 33, 0o660)


def _run_as_the_service(
    folder: Path, *words: str, shown: dict[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the wrapper with a `systemctl` that shows these properties, as root would."""
    folder.mkdir(exist_ok=True)
    values = "\n".join(f"*={name}\\ *) printf '{value}' ;;" for name, value in shown.items())
    programs = {
        "id": "echo 0",
        "systemctl": f'case "$*" in\n{values}\nesac',
        "systemd-run": 'for word in "$@"; do echo "$word"; done',
    }
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return subprocess.run(
        ["/bin/sh", str(WRAPPER), *words],
        env={"PATH": f"{folder}:/usr/bin:/bin", "SUDO_USER": "ada"},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_command_runs_with_the_services_user_group_and_environment(tmp_path: Path) -> None:
    files = "/etc/a b.env (ignore_errors=no)\\n/etc/other.env (ignore_errors=yes)\\n"
    shown = {"User": "magento-eventbridge", "Group": "www-data", "EnvironmentFiles": files}
    ran = _run_as_the_service(tmp_path, "doctor", "--set", "log.level=a b", shown=shown)
    assert (ran.returncode, ran.stderr) == (0, "")
    words = ran.stdout.splitlines()
    assert words[-4:] == [COMMAND, "doctor", "--set", "log.level=a b"]
    assert {
        "--uid=magento-eventbridge",
        "--gid=www-data",
        "--setenv=SUDO_USER=ada",
        "--property=EnvironmentFile=/etc/a b.env",
        "--property=EnvironmentFile=-/etc/other.env",
        "--pipe",
        "--wait",
    } <= set(words)


def test_a_commands_relative_paths_start_in_the_current_folder(tmp_path: Path) -> None:
    shown = {"User": "magento-eventbridge", "Group": "www-data", "EnvironmentFiles": ""}
    here = tmp_path / "a b"
    here.mkdir()
    ran = _run_as_the_service(tmp_path / "bin", "doctor", shown=shown, cwd=here)
    # The service's user may not be allowed to enter it: that fails no command.
    assert f"--property=WorkingDirectory=-{here}" in ran.stdout.splitlines()


def test_agent_commands_run_as_root_with_the_services_environment(tmp_path: Path) -> None:
    files = "/etc/magento-eventbridge.env (ignore_errors=no)\\n"
    shown = {"User": "magento-eventbridge", "Group": "www-data", "EnvironmentFiles": files}
    ran = _run_as_the_service(tmp_path, "agent", "install", ".", "--run", shown=shown)
    words = ran.stdout.splitlines()
    assert words[-5:] == [COMMAND, "agent", "install", ".", "--run"]
    assert {"--uid=root", "--property=EnvironmentFile=/etc/magento-eventbridge.env"} <= set(words)
    assert not [word for word in words if word.startswith(("--gid", "--property=UMask"))]


def test_a_service_that_is_not_installed_is_reported(tmp_path: Path) -> None:
    shown = {"User": "", "Group": "", "EnvironmentFiles": ""}
    ran = _run_as_the_service(tmp_path, "doctor", shown=shown)
    assert ran.returncode == 2
    assert "magento-eventbridge.service is not installed" in ran.stderr


def test_systemd_run_has_the_options_that_the_wrapper_uses() -> None:
    known = subprocess.run(
        [program("systemd-run", "systemd"), "--help"], capture_output=True, text=True, check=True
    ).stdout
    used = set(re.findall(r"(--[a-z]+)\b", WRAPPER.read_text().split("exec systemd-run")[1]))
    used |= {"--pty", "--pipe"}
    assert {option for option in used if option not in known} == set()


# A shop in containers


def shop() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(SHOP.read_text())
    return found


def test_the_bridge_joins_the_network_of_the_shop() -> None:
    default = yaml.safe_load(COMPOSE.read_text())["networks"]["shop"]["name"]
    assert default == f"${{SHOP_NETWORK:-{shop()['name']}_default}}"


def test_the_services_of_the_shop_refer_to_what_there_is() -> None:
    found = shop()
    services = found["services"]
    assert {"db", "search", "broker", "php", "web"} <= services.keys()
    hosts = set(re.findall(r"--(?:db|opensearch|amqp)-host=(\w+)", SHOP.read_text()))
    assert hosts == {"db", "search", "broker"}
    for service in services.values():
        assert set(service.get("depends_on", ())) <= services.keys()
        for volume in service.get("volumes", ()):
            name = volume.partition(":")[0]
            assert name.startswith("$") or name in found["volumes"]
    assert "server php:9000;" in found["configs"]["web"]["content"]


def test_the_image_of_php_is_good_in_the_eyes_of_a_linter(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(shop()["services"]["php"]["build"]["dockerfile_inline"])
    hadolint = Path(sys.executable).with_name("hadolint")
    ran = subprocess.run([hadolint, str(file)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


# Kubernetes

MANIFESTS = DEPLOY / "kubernetes/bridge.yaml"


def manifest(kind: str) -> dict[str, Any]:
    (found,) = (one for one in yaml.safe_load_all(MANIFESTS.read_text()) if one["kind"] == kind)
    result: dict[str, Any] = found
    return result


def test_the_manifests_are_valid_by_kubernetes_schema() -> None:
    check = Path(sys.executable).with_name("kubernetes-validate")
    ran = subprocess.run(
        [check, "--strict", str(MANIFESTS)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_manifests_run_one_bridge_as_somebody_harmless_on_a_volume() -> None:
    spec = manifest("StatefulSet")["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    parses(container["args"])
    assert spec["replicas"] == 1
    assert str(pod["securityContext"]["runAsUser"]) == value("USER")
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert pod["terminationGracePeriodSeconds"] > longest_stop()
    places = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert str(Settings().spool.path.parent) in places


def test_the_manifests_hold_settings_and_the_ports_that_they_open() -> None:
    (container,) = manifest("StatefulSet")["spec"]["template"]["spec"]["containers"]
    given = {
        **manifest("ConfigMap")["data"],
        **{one["name"]: "x" * 32 for one in container["env"]},
    }
    settings = are_settings(given.items())
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"inlet": settings.inlet.port, "monitoring": settings.metrics.port}
    assert settings.metrics.enabled
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] in ("/health/live", "/health/ready")


# Amazon ECS

MODULE = DEPLOY / "ecs/main.tf"
EXAMPLES = DEPLOY.parent / "examples"
CODE = {".tf", ".yaml", ".json", ".ts", ".py"}


def test_the_module_for_ecs_is_terraform_and_holds_settings() -> None:
    text = MODULE.read_text()
    terraform(text)
    names = set(re.findall(rf"{ENVIRONMENT_PREFIX}\w+", text))
    fitting = {"ENABLED": "true", "PORT": "3306", "FORMAT": "json"}
    are_settings((name, fitting.get(name.rpartition("__")[2], "x")) for name in names)
    assert f'user                   = "{value("USER")}"' in text
    assert ":8473/health/ready" in text


def test_a_task_that_reads_the_database_needs_no_secret_of_the_inlet() -> None:
    text = MODULE.read_text()
    assert re.search(rf'{ENVIRONMENT_PREFIX}INLET__ENABLED\s+= "false"', text)
    # The root file system cannot be written.
    assert f'containerPath = "{Settings().spool.path.parent}"' in text


def test_no_arn_in_what_is_deployed_is_of_one_partition() -> None:
    texts = {path: path.read_text() for path in DEPLOY.rglob("*") if path.is_file()}
    texts |= {path: path.read_text() for path in EXAMPLES.rglob("*") if path.suffix in CODE}
    # ARNs of a person's own account are examples, and stand in comments or variables.
    wrong = {
        f"{path.name}: {line.strip()}"
        for path, text in texts.items()
        for line in text.splitlines()
        if re.search(r"arn:aws[\w-]*:", line) and "123456789012" not in line
    }
    assert wrong == set()


def test_groups_are_described_with_the_characters_that_ec2_takes() -> None:
    (group,) = re.findall(r'^resource "aws_security_group".*?^}', MODULE.read_text(), re.M | re.S)
    described = re.findall(r'description = "(.*)"', group)
    assert len(described) == 2
    assert [
        text for text in described if not re.fullmatch(r"[\w .:/()#,@\[\]+=&;{}!$*-]*", text)
    ] == []


PROJECTS = ["deploy/ecs", *(f"examples/{path.parent.name}" for path in EXAMPLES.glob("*/main.tf"))]


@pytest.mark.parametrize("folder", PROJECTS)
def test_terraform_finds_a_project_valid(folder: str, tmp_path: Path) -> None:
    """Skipped without the provider hashicorp/aws: TF_CLI_ARGS_init=-plugin-dir=… names a copy."""
    found = shutil.which("terraform")
    if not found:
        pytest.skip("terraform is not on this machine, and no registry of packages has it")
    shutil.copy(DEPLOY.parent / folder / "main.tf", tmp_path)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        words = (found, f"-chdir={tmp_path}", *words)
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)

    if run("init", "-backend=false", "-input=false").returncode:
        pytest.skip("Terraform's provider hashicorp/aws cannot be had here")
    validated = run("validate", "-no-color")
    assert validated.returncode == 0, validated.stderr
    assert run("fmt", "-check", "-diff").stdout == ""


def test_the_module_for_ecs_has_every_resource_that_it_refers_to() -> None:
    text = MODULE.read_text()
    made = {f"{kind}.{name}" for kind, name in re.findall(r'^resource "(\w+)" "(\w+)"', text, re.M)}
    used = set(re.findall(r"(?<![\w.])(aws_\w+\.\w+)\.", re.sub(r"^#.*$", "", text, flags=re.M)))
    assert used <= made
    declared = set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))
    assert set(re.findall(r"var\.(\w+)", text)) == declared
