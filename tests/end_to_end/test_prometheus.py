"""A real Prometheus watches the installed command: each panel has data, alerts fire when due."""

import asyncio
import json
import math
import re
from pathlib import Path
from typing import Any

from magento_eventbridge.inlets.client import HandOverError, hand_over
from tests.end_to_end.test_metrics import bridge_of
from tests.support import recorded
from tests.support.process import SECRET
from tests.support.prometheus import Prometheus, prometheus
from tests.support.put_events import Behaviour, Refuse, Take, put_events
from tests.support.waiting import PATIENCE

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus/magento-eventbridge.rules.yml"
DASHBOARD = DEPLOY / "grafana/magento-eventbridge.json"


def panels() -> dict[str, list[str]]:
    """Return the queries of each panel by its title, as Grafana asks them of all bridges."""
    found: dict[str, list[str]] = {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        queries = [target["expr"] for target in panel["targets"]]
        given = {"$instance": ".*", "$__rate_interval": "10s"}
        for variable, value in given.items():
            queries = [query.replace(variable, value) for query in queries]
        assert not [query for query in queries if "$" in query.replace('$"', "")]
        found[panel["title"]] = queries
    return found


def weather(number: int, entries: list[dict[str, Any]]) -> Behaviour:
    """Fail now and then, in each of the ways that have a metric of their own."""
    if number % 5 == 1:
        return Refuse("InternalException", 500)
    if number % 5 == 3:
        return Take({0: "ThrottlingException"})
    return Take()


async def _trade(bridge: str) -> None:
    """Send as a busy shop, as a shop with a wrong secret, and as an agent of a newer version."""
    unknown = recorded.of("admin-login-fail", "backend_auth_user_login_failed") | {"event": "new"}
    while True:
        lines = [body for _, body in recorded.orders(20)]
        lines += [json.dumps(recorded.again(unknown)).encode(), b"{}"]
        await hand_over(bridge, SECRET, lines)
        try:
            await hand_over(bridge, "not-the-secret-at-all", lines)
        except HandOverError:
            await asyncio.sleep(0.2)


async def _shows(watcher: Prometheus, query: str) -> bool:
    """Return whether a query has a result; a quantile over no samples has none."""
    values = await watcher.values(query)
    return bool(values) and not all(math.isnan(value) for value in values)


async def test_each_panel_of_the_dashboard_shows_something(tmp_path: Path) -> None:
    async with (
        put_events(weather) as endpoint,
        bridge_of(tmp_path, endpoint.url) as (bridge, result),
        prometheus(tmp_path, result.url, RULES) as watcher,
    ):
        trading = asyncio.create_task(_trade(bridge.url))
        waiting = {(title, query) for title, queries in panels().items() for query in queries}
        assert len(waiting) > 20
        try:
            async with asyncio.timeout(PATIENCE):
                while waiting:
                    waiting = {one for one in waiting if not await _shows(watcher, one[1])}
                    await asyncio.sleep(0.5)
        except TimeoutError:
            raise AssertionError(f"these show nothing: {sorted(waiting)}") from None
        finally:
            trading.cancel()
        [instance] = await watcher.ask("label/instance/values", **{"match[]": _of_bridges()})
        assert instance == re.sub("^http://", "", result.url)


def _of_bridges() -> str:
    """Return the values of the dashboard's variable `bridge`."""
    variables = json.loads(DASHBOARD.read_text())["templating"]["list"]
    [query] = [one["query"]["query"] for one in variables if one["name"] == "instance"]
    [series] = re.findall(r"label_values\((\w+), instance\)", query)
    return str(series)


async def test_alerts_come_when_they_are_due(tmp_path: Path) -> None:
    unknown = recorded.of("admin-login-fail", "backend_auth_user_login_failed") | {"event": "new"}

    def script(_: int, entries: list[dict[str, Any]]) -> Behaviour:
        return Refuse("AccessDeniedException")

    async with (
        put_events(script) as endpoint,
        bridge_of(tmp_path, endpoint.url) as (bridge, result),
        prometheus(tmp_path, result.url, RULES) as watcher,
    ):
        await _until_watched(watcher)
        quiet = {rule["name"]: rule["state"] for rule in await watcher.rules()}
        assert len(quiet) >= 9
        assert set(quiet.values()) == {"inactive"}
        await hand_over(bridge.url, SECRET, [body for _, body in recorded.orders(3)])
        await watcher.until_in("MagentoEventBridgeParked", "pending", "firing")
        await hand_over(bridge.url, SECRET, [json.dumps(recorded.again(unknown)).encode()])
        await watcher.until_in("MagentoEventBridgeDeadLetters", "firing")
        assert {rule["health"] for rule in await watcher.rules()} == {"ok"}
        states = {rule["name"]: rule["state"] for rule in await watcher.rules()}
        assert states["MagentoEventBridgeNoDelivery"] == "inactive"  # not beside Parked
        await bridge.stop()
        await watcher.until_in("MagentoEventBridgeDown", "pending", "firing")


async def _until_watched(watcher: Prometheus) -> None:
    async with asyncio.timeout(PATIENCE):
        while await watcher.values("up") != [1.0] or {
            rule["health"] for rule in await watcher.rules()
        } != {"ok"}:
            await asyncio.sleep(0.2)
    # The rules may have been evaluated before the first answer.
    await watcher.until_in("MagentoEventBridgeAbsent", "inactive")


async def test_no_delivery_is_an_alert_while_no_person_must_act(tmp_path: Path) -> None:
    def script(_: int, entries: list[dict[str, Any]]) -> Behaviour:
        return Refuse("InternalException", 500)

    async with (
        put_events(script) as endpoint,
        bridge_of(tmp_path, endpoint.url) as (bridge, result),
        prometheus(tmp_path, result.url, RULES) as watcher,
    ):
        await _until_watched(watcher)
        await hand_over(bridge.url, SECRET, [body for _, body in recorded.orders(3)])
        await watcher.until_in("MagentoEventBridgeNoDelivery", "pending", "firing")
