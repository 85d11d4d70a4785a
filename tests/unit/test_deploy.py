"""The rules and the dashboard in `deploy/` use metrics that the bridge has."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from magento_eventbridge.observability.metrics import Metrics
from tests.support.programs import program

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus/magento-eventbridge.rules.yml"
DASHBOARD = DEPLOY / "grafana/magento-eventbridge.json"

# Prometheus's own, and those of every process that the client library watches.
OTHERS = {"up", "process_resident_memory_bytes"}
LABELS_OF_PROMETHEUS = {"instance", "job", "le", "version"}
SUFFIXES = {
    "counter": ["_total"],
    "gauge": [""],
    "info": ["_info"],
    "histogram": ["_bucket", "_count", "_sum"],
}


def metrics() -> dict[str, set[str]]:
    """Return the labels of every metric by its name."""
    families = list(Metrics().collect())
    return {
        f"{family.name}{suffix}": set(getattr(family, "_labelnames", ()))
        for family in families
        for suffix in SUFFIXES[family.type]
    }


def rules() -> list[dict[str, Any]]:
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def expressions() -> Iterator[str]:
    for rule in rules():
        yield rule["expr"]
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def test_queries_name_only_metrics_that_exist():
    known = metrics()
    asked = {
        name
        for expression in expressions()
        for name in re.findall(r"\b(?:magento_eventbridge|process)_\w+|\bup\b", expression)
    }
    assert len(asked) > 15
    assert asked <= known.keys() | OTHERS


def test_queries_name_only_labels_that_exist():
    known = set().union(*metrics().values()) | LABELS_OF_PROMETHEUS
    for expression in expressions():
        plain = re.sub(r'"[^"]*"', "", expression)
        grouped = re.findall(r"\b(?:by|on) \(([^)]*)\)", plain)
        matched = re.findall(r"(\w+)\s*(?:=~|!=|!~|=)(?!=)", plain)
        for label in [*matched, *(one.strip() for part in grouped for one in part.split(","))]:
            assert label in known, (label, expression)


def test_every_metric_is_documented_and_no_other():
    text = (DEPLOY.parent / "docs/metrics.md").read_text()
    documented = set(re.findall(r"^\| `(magento_eventbridge_\w+)`", text, re.MULTILINE))
    known = {re.sub("_(bucket|count|sum)$", "", name) for name in metrics()}
    assert documented == known


def test_every_alert_is_documented():
    text = (DEPLOY.parent / "docs/metrics.md").read_text()
    assert {rule["alert"] for rule in rules()} == set(re.findall(r"^\| `(Magento\w+)`", text, re.M))


def test_the_runbook_of_every_alert_is_a_section_of_the_page_of_alarms():
    page = (DEPLOY.parent / "docs/alarms.md").read_text()
    sections = {heading.lower() for heading in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    for rule in rules():
        address, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert address == "https://docs.example.com/alarms.html"
        assert anchor == rule["alert"].lower()
        assert anchor in sections
    assert sections == {rule["alert"].lower() for rule in rules()}


def test_prometheus_takes_rules_and_queries(tmp_path):
    promtool = program("promtool", "prometheus")
    tests = sorted(RULES.parent.glob("*.test.yml"))
    assert len(tests) == 2
    _run(promtool, "test", "rules", *tests)
    queries = [
        {"record": f"query:{number}", "expr": re.sub(r"\$__rate_interval", "5m", expression)}
        for number, expression in enumerate(expressions())
    ]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": queries}]}))
    _run(promtool, "check", "rules", file)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
