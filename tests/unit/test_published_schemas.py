"""Details of this version are valid by the schemas that the last version published."""

import json
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


@pytest.mark.parametrize("detail_type", SCHEMAS)
def test_no_field_of_the_last_version_is_gone_or_became_optional(detail_type):
    now, before = detail_schema(BY_DETAIL_TYPE[detail_type]), SCHEMAS[detail_type]
    assert set(before["properties"]) <= set(now["properties"])
    assert set(before["required"]) <= set(now["required"])


def test_a_field_that_changed_its_type_would_be_noticed():
    validator = jsonschema.Draft202012Validator(SCHEMAS["OrderPlaced"])
    placed = _details("OrderPlaced")[0]
    assert list(validator.iter_errors(placed)) == []
    assert list(validator.iter_errors({**placed, "total": str(placed["total"])}))
    assert list(validator.iter_errors({k: v for k, v in placed.items() if k != "items"}))
