"""Details of this version are valid by the schemas that the last version published."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from magento_eventbridge.catalog import BY_DETAIL_TYPE, event_of
from magento_eventbridge.catalog.schema import detail_schema
from magento_eventbridge.delivery.envelope import metadata
from tests.unit.recorded import detail, store_day_captures

PUBLISHED = Path(__file__).parents[1] / "fixtures/schemas"


def _number(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.stem.split("."))


def _details(detail_type: str) -> list[dict[str, Any]]:
    """Return the details of the recorded captures of a documented event."""
    return [
        detail(capture)
        | json.loads(json.dumps({"metadata": metadata(capture.id, capture.time, queued=False)}))
        for _, capture in store_day_captures()
        if (event := event_of(capture)) and event.detail_type == detail_type
    ]


LAST = max(PUBLISHED.glob("*.json"), key=_number)
SCHEMAS: dict[str, Any] = json.loads(LAST.read_text())


def test_every_event_of_the_last_version_is_still_documented():
    assert set(SCHEMAS) <= set(BY_DETAIL_TYPE)


@pytest.mark.parametrize("detail_type", SCHEMAS)
def test_recorded_details_are_valid_by_the_last_versions_schema(detail_type):
    validator = jsonschema.Draft202012Validator(SCHEMAS[detail_type])
    recorded = _details(detail_type)
    assert recorded
    for one in recorded:
        assert [error.message for error in validator.iter_errors(one)] == []


def _variants(of: dict[str, Any], root: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the choices of a schema, with references replaced by what they name."""
    if "$ref" in of:
        return _variants(root["$defs"][of["$ref"].rpartition("/")[2]], root)
    if "anyOf" in of:
        return [one for choice in of["anyOf"] for one in _variants(choice, root)]
    return [of]


def _accepts(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether the kind of value of a choice is one that the former choice had."""
    if "type" not in before:
        return True
    same = before["type"] == now.get("type") or (before["type"], now.get("type")) == (
        "number",
        "integer",
    )
    return same and set(now.get("enum", [None])) <= set(before.get("enum", now.get("enum", [None])))


def _differences(
    before: dict[str, Any], now: dict[str, Any], roots: tuple[Any, Any], path: str = "detail"
) -> Iterator[str]:
    """Return what a consumer of the former schema does not expect, at any depth."""
    former = _variants(before, roots[0])
    for one in _variants(now, roots[1]):
        of = next((choice for choice in former if _accepts(choice, one)), None)
        if of is None:
            yield f"{path}: {one.get('enum', one.get('type', 'any value'))}"
            continue
        for name in set(of.get("required", [])) - set(one.get("required", [])):
            yield f"{path}.{name}: may be absent"
        for name, field in of.get("properties", {}).items():
            if name in one["properties"]:
                yield from _differences(field, one["properties"][name], roots, f"{path}.{name}")
            else:
                yield f"{path}.{name}: is gone"
        if "items" in of:
            yield from _differences(of["items"], one["items"], roots, f"{path}[]")


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return list(_differences(before, now, (before, now)))


@pytest.mark.parametrize("detail_type", SCHEMAS)
def test_no_field_is_gone_became_optional_or_has_another_type(detail_type):
    assert differences(SCHEMAS[detail_type], detail_schema(BY_DETAIL_TYPE[detail_type])) == []


BILLING, ITEM = "$defs/Address/properties", "$defs/LineItem"


@pytest.mark.parametrize(
    ("place", "value", "difference"),
    [
        ("properties/total/type", "string", "detail.total: string"),
        (
            "properties/total",
            {"anyOf": [{"type": "number"}, {"type": "null"}]},
            "detail.total: null",
        ),
        ("required", ["id", "metadata"], "detail.total: may be absent"),
        (f"{BILLING}/city/type", "integer", "detail.billingAddress.city: integer"),
        (f"{BILLING}/street/items/type", "null", "detail.billingAddress.street[]: null"),
        (f"{ITEM}/required", ["sku"], "detail.items[].qty: may be absent"),
        (f"{ITEM}/properties", {"sku": {"type": "string"}}, "detail.items[].qty: is gone"),
        ("$defs/Metadata/properties/id/type", "integer", "detail.metadata.id: integer"),
    ],
)
def test_a_breaking_change_is_noticed_at_any_depth(place, value, difference):
    now = copy.deepcopy(SCHEMAS["OrderPlaced"])
    *way, last = place.split("/")
    of = now
    for name in way:
        of = of[name]
    of[last] = value
    assert difference in differences(SCHEMAS["OrderPlaced"], now)


def test_what_a_minor_version_may_add_is_no_difference():
    before = SCHEMAS["InvoiceCreated"]
    now = copy.deepcopy(before)
    now["properties"]["new"] = {"type": "string"}
    status = now["properties"]["status"]
    assert differences(before, now) == []
    status["enum"] = [*status["enum"], "NEW"]
    assert differences(before, now) == [f"detail.status: {status['enum']}"]
