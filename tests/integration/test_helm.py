"""The Helm chart: clean for Helm's linter, valid for Kubernetes, and the same as the manifests."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from magento_eventbridge import __version__
from magento_eventbridge.settings.layers import load
from magento_eventbridge.settings.sources import ENVIRONMENT_PREFIX, environment_layer
from tests.support.helm import CHART, helm

MANIFESTS = CHART.parent / "kubernetes/bridge.yaml"
DATABASE = {"captures": "database", "replicas": 2}


def objects(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the chart's objects by their kind."""
    result = helm(values)
    assert "error" not in result, result["error"]
    files = {Path(name).name: text for name, text in result["files"].items()}
    documents = [yaml.safe_load(text) for name, text in files.items() if name.endswith(".yaml")]
    return {found["kind"]: found for found in documents if found}


def test_helm_finds_no_mistake() -> None:
    lint = helm({})["lint"]
    assert lint["errors"] == []
    assert [found["error"] for found in lint["messages"]] == ["icon is recommended"]


def test_the_chart_has_the_bridges_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize(
    "values",
    [
        {},
        DATABASE,
        {"networkPolicy": {"enabled": False}},
        DATABASE | {"networkPolicy": {"monitoring": []}},
    ],
)
def test_what_it_renders_is_valid_by_kubernetes_schema(tmp_path: Path, values) -> None:
    rendered = tmp_path / "rendered.yaml"
    rendered.write_text(yaml.safe_dump_all(objects(values).values()))
    check = Path(sys.executable).with_name("kubernetes-validate")
    ran = subprocess.run(
        [check, "--strict", str(rendered)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_bridge_that_reads_the_database_needs_no_secret_of_the_inlet() -> None:
    given = objects(DATABASE)["ConfigMap"]["data"]
    settings, _ = load([environment_layer(given)])
    assert (settings.outbox.enabled, settings.inlet.enabled) == (True, False)


def test_by_default_it_is_the_plain_manifests() -> None:
    plain = {one["kind"]: one for one in yaml.safe_load_all(MANIFESTS.read_text())}
    chart = objects({})
    assert chart.keys() == plain.keys()
    assert chart["ConfigMap"]["data"] == plain["ConfigMap"]["data"]
    assert chart["Service"]["spec"]["ports"] == plain["Service"]["spec"]["ports"]
    assert chart["NetworkPolicy"]["spec"]["ingress"] == plain["NetworkPolicy"]["spec"]["ingress"]
    pods = [one["StatefulSet"]["spec"]["template"]["spec"] for one in (chart, plain)]
    containers = [pod.pop("containers")[0] for pod in pods]
    assert pods[0] == pods[1]
    # The image and the names of the secret's keys are values of the chart.
    for container in containers:
        for name in ("image", "imagePullPolicy", "env", "envFrom"):
            container.pop(name, None)
    assert containers[0] == containers[1]
    claims = [one["StatefulSet"]["spec"]["volumeClaimTemplates"] for one in (chart, plain)]
    assert claims[0][0]["spec"] == claims[1][0]["spec"]


def test_an_empty_list_lets_nobody_in() -> None:
    """In Kubernetes a rule without a source would let everybody in."""
    lists: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["inlet", "monitoring"]),
        ({"shop": []}, ["monitoring"]),
        ({"monitoring": []}, ["inlet"]),
        ({"shop": [], "monitoring": []}, []),
    ]
    for values, ports in lists:
        rules = objects({"networkPolicy": values})["NetworkPolicy"]["spec"]["ingress"]
        assert [rule["ports"][0]["port"] for rule in rules] == ports
        assert all(rule["from"] for rule in rules)


def test_bridges_of_the_database_share_the_work_without_a_volume() -> None:
    chart = objects(DATABASE)
    spec = chart["Deployment"]["spec"]
    assert spec["replicas"] == 2
    assert "StatefulSet" not in chart
    (container,) = spec["template"]["spec"]["containers"]
    assert [port["name"] for port in container["ports"]] == ["monitoring"]
    settings, _ = load([environment_layer(chart["ConfigMap"]["data"])])
    assert settings.outbox.enabled


def test_values_become_settings_of_the_bridge_and_go_before_the_defaults() -> None:
    given = {"MAGENTO_EVENTBRIDGE_LOG__FORMAT": "magento", "AWS_STS_REGIONAL_ENDPOINTS": "regional"}
    data = objects({"settings": given})["ConfigMap"]["data"]
    assert data["AWS_STS_REGIONAL_ENDPOINTS"] == "regional"
    names = {name: value for name, value in data.items() if name.startswith(ENVIRONMENT_PREFIX)}
    settings, _ = load([environment_layer(names)])
    assert (settings.log.format, settings.inlet.host) == ("magento", "0.0.0.0")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"captures": "files"}, "/captures"),
        ({"settings": {"options.region": "eu-west-1"}}, "options.region"),
        ({"settings": {"MAGENTO_EVENTBRIDGE_INLET__MAX_BODY_BYTES": 5000000}}, "got number"),
        ({"image": {"repository": "x", "digest": "latest"}}, "/image/digest"),
        ({"replica": 2}, "replica"),
    ],
)
def test_wrong_values_are_refused_by_name(values: dict[str, Any], message: str) -> None:
    assert message in helm(values)["error"]


def test_an_image_can_be_named_by_tag_or_digest() -> None:
    for image, expected in (
        ({}, f"magento-eventbridge:{__version__}"),
        ({"repository": "ghcr.io/shop/bridge", "tag": "edge"}, "ghcr.io/shop/bridge:edge"),
        ({"digest": f"sha256:{'a' * 64}"}, f"magento-eventbridge@sha256:{'a' * 64}"),
    ):
        pod = objects({"image": image})["StatefulSet"]["spec"]["template"]["spec"]
        assert pod["containers"][0]["image"] == expected
