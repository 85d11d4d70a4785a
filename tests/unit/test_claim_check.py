"""Large events: which arrays are moved, and what stays in the detail."""

import hashlib
import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from magento_eventbridge.catalog import BY_DETAIL_TYPE
from magento_eventbridge.delivery.claim_check import ClaimCheck
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.events import FetchError, OrderPlaced, fetch, parse
from tests.unit.test_events import PLACED, result

ID = "01742a63-2a00-7d0e-9f3a-4b1c2d3e4f50"
BUCKET = ClaimCheck("large", "shop/")
REGION = "eu-west-1"


class S3:
    """The objects that were stored, as boto3's client returns them."""

    def __init__(self, key: str, body: bytes) -> None:
        self.objects = {("large", key): body}

    def get_object(self, **place: str) -> dict[str, Any]:
        assert (place["Bucket"], place["Key"]) in self.objects
        return {"Body": self}

    def read(self) -> bytes:
        (body,) = self.objects.values()
        return body


def entry(detail: dict[str, Any]) -> Entry:
    whole = {"metadata": {"id": ID, "test": True}, **detail}
    return Entry.of(
        source="shop.example.com",
        detail_type="OrderPlaced",
        detail=json.dumps(whole, separators=(",", ":")),
        time=1.0,
        event_bus=None,
        id=ID,
    )


def split(detail: dict[str, Any], limit: int = 1_000, claim_check: ClaimCheck = BUCKET) -> Any:
    return claim_check.split(entry(detail), limit, REGION)


ITEMS = [{"sku": f"A-{number}", "qty": 1, "price": 2.5} for number in range(200)]


def test_the_largest_array_is_moved_and_all_else_stays():
    moved = split({"items": ITEMS, "total": 64, "street": ["1 Main St"], "nothing": []})
    detail = json.loads(moved.entry.detail)
    assert json.loads(moved.body) == {"items": ITEMS}
    digest = hashlib.sha256(moved.body).hexdigest()
    assert moved.key == f"shop/{ID}-{digest[:16]}.json"
    assert detail == {
        "items": [],
        "total": 64,
        "street": ["1 Main St"],
        "nothing": [],
        "metadata": {
            "id": ID,
            "test": True,
            "dataref": {
                "bucket": "large",
                "key": moved.key,
                "region": REGION,
                "bytes": len(moved.body),
                "sha256": digest,
                "fields": ["items"],
            },
        },
    }
    assert moved.entry.size == entry(detail).size
    assert replace(moved.entry, detail="", size=0) == replace(entry({}), detail="", size=0)


def test_as_many_arrays_are_moved_as_it_takes():
    detail = {"order": {"items": ITEMS, "notes": ["x" * 900]}, "tracks": ["y" * 1_200, "z"]}
    moved = split(detail)
    assert json.loads(moved.entry.detail)["metadata"]["dataref"]["fields"] == [
        "order.items",
        "order.notes",
        "tracks",
    ]
    first = split(detail, 6_000)
    assert list(json.loads(first.body)) == ["order.items"]


def test_the_same_event_is_stored_under_the_same_key_and_another_under_another():
    assert split({"items": ITEMS}) == split({"items": ITEMS})
    assert split({"items": ITEMS}).key != split({"items": ITEMS[1:]}).key


def test_a_bucket_may_be_in_another_region():
    moved = split({"items": ITEMS}, claim_check=ClaimCheck("large", region="us-east-1"))
    dataref = json.loads(moved.entry.detail)["metadata"]["dataref"]
    assert (dataref["region"], dataref["key"].startswith(ID)) == ("us-east-1", True)


def test_very_many_arrays_are_moved_in_one_pass():
    detail = {f"field{number}": ["x" * 40] * 3 for number in range(20_000)}
    began = time.process_time()
    json.loads(json.dumps(detail))
    once = time.process_time() - began
    began = time.process_time()
    moved = split(detail, 1_000_000)
    # Encoding the detail once for each array would take thousands of times as long.
    assert time.process_time() - began < once * 200
    assert moved.entry.size <= 1_000_000


@pytest.mark.parametrize(
    "detail",
    [
        {"note": "x" * 2_000, "items": ITEMS},
        {"a.b": ITEMS},  # its path would be read as two fields
        {"metadata": {"id": ID, "tags": ITEMS}},
        {"metadata": "none", "items": ITEMS},
        {"map": {str(number): number for number in range(500)}},
    ],
    ids=["text", "dotted name", "metadata", "no metadata", "object"],
)
def test_what_is_too_large_without_its_arrays_cannot_be_split(detail):
    assert split(detail) is None


_names = st.text("abé$", max_size=4)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("xyü", max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # generating is what takes long
@given(st.dictionaries(_names, _json, max_size=5), st.integers(300, 3_000))
def test_whatever_is_split_fits_and_can_be_put_together(detail, limit):
    moved = split({**detail, "items": ITEMS}, limit)
    if moved is None:
        return
    assert moved.entry.size <= limit
    whole = fetch({"detail": json.loads(moved.entry.detail)}, s3=S3(moved.key, moved.body))
    assert whole["detail"] == {
        **detail,
        "items": ITEMS,
        "metadata": {"id": ID, "test": True},
    }


# What consumers fetch

ITEM = PLACED["detail"]["items"][0]
LARGE = result(BY_DETAIL_TYPE["OrderPlaced"])
LARGE["detail"] = {**LARGE["detail"], "items": [ITEM] * 300}


def sent() -> tuple[dict[str, Any], S3]:
    detail = {**LARGE["detail"], "metadata": {**LARGE["detail"]["metadata"], "test": True}}
    moved = split(detail, 5_000)
    return {**LARGE, "detail": json.loads(moved.entry.detail)}, S3(moved.key, moved.body)


def test_a_large_event_is_read_typed_and_completed():
    event, s3 = sent()
    parsed = parse(event)
    assert isinstance(parsed, OrderPlaced)
    assert (parsed.detail.items, parsed.detail.id) == ([], "000000001")
    assert parsed.detail.metadata.dataref is not None
    assert parsed.detail.metadata.dataref.uri.startswith(f"s3://large/shop/{ID[:8]}")
    whole = fetch(parsed, s3=s3)
    assert isinstance(whole, OrderPlaced)
    assert len(whole.detail.items) == 300
    assert whole.detail.items[0].sku == ITEM["sku"]
    assert whole.detail.metadata.dataref is None
    assert fetch(event, s3=s3)["detail"]["items"] == LARGE["detail"]["items"]
    assert event["detail"]["items"] == []  # what was given is not changed


def test_any_other_event_needs_no_s3():
    assert fetch(PLACED) is PLACED
    parsed = parse(PLACED)
    assert fetch(parsed) is parsed
    assert fetch({"detail-type": "x"}) == {"detail-type": "x"}


def test_an_object_that_is_not_the_stored_one_is_refused():
    event, s3 = sent()
    (place,) = s3.objects
    for body in (b'{"items": []}', s3.read()[:-1] + b" "):
        with pytest.raises(FetchError, match="is not what was stored for this event"):
            fetch(parse(event), s3=S3(place[1], body))


def test_an_object_with_other_fields_is_refused():
    event, s3 = sent()
    dataref = event["detail"]["metadata"]["dataref"]
    dataref["fields"] = ["items", "tracks"]
    with pytest.raises(FetchError, match="does not have the fields items, tracks"):
        fetch(event, s3=s3)
    del dataref["bucket"]
    with pytest.raises(FetchError, match="does not say where"):
        fetch(event, s3=s3)


def test_arrays_of_another_form_are_refused_without_their_values():
    event, _ = sent()
    body = json.dumps({"items": [{"sku": "secret"}]}).encode()
    event["detail"]["metadata"]["dataref"] |= {
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    with pytest.raises(FetchError, match="its arrays are malformed") as caught:
        fetch(parse(event), s3=S3(event["detail"]["metadata"]["dataref"]["key"], body))
    assert "secret" not in str(caught.value)


def test_an_error_of_s3_is_reported():
    class Denied:
        def get_object(self, **_: Any) -> Any:
            raise RuntimeError("AccessDenied")

    event, _ = sent()
    with pytest.raises(FetchError, match="AccessDenied"):
        fetch(event, s3=Denied())
