"""Event patterns: created from filters, checked against schemas, matched as EventBridge does."""

import json
import sys
from typing import Any

import pytest

from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.cli.samples import sample_event
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.provisioning import patterns
from magento_eventbridge.provisioning.matching import MatcherMissingError, matches_here
from magento_eventbridge.provisioning.patterns import PatternError

ROUTE = Route(Destination("eu-west-1"), "example.com")
EVERYTHING = [patterns.known(event, event.detail_type) for event in EVENTS]
SAMPLES = {event.detail_type: sample_event(event.detail_type, ROUTE) for event in EVENTS}
CART = ["CartProductAdded", "CartProductUpdated", "CartProductRemoved"]
ORDER = ["OrderPlaced"]


def known(names: list[str]) -> list[patterns.Known]:
    return [event for event in EVERYTHING if event.name in names]


def made(names: list[str], *filters: str, any_of: tuple[str, ...] = ()) -> dict[str, Any]:
    return patterns.make(["example.com"], known(names), filters=filters, any_of=any_of)


def faults(pattern: Any) -> list[str]:
    try:
        patterns.check(pattern, EVERYTHING)
    except PatternError as error:
        return str(error).splitlines()
    return []


# The patterns of the reference documentation


def test_the_patterns_of_the_reference_documentation():
    assert made(["CartProductAdded"]) == {
        "source": ["example.com"],
        "detail-type": ["CartProductAdded"],
    }
    assert made(CART) == {"source": ["example.com"], "detail-type": CART}
    assert made(CART, "sku=WJ12-S-Blue") == {
        "source": ["example.com"],
        "detail-type": CART,
        "detail": {"sku": ["WJ12-S-Blue"]},
    }


@pytest.mark.parametrize(
    ("filters", "detail"),
    [
        (["id=000000001"], {"id": ["000000001"]}),
        (["id=000000001", "id=000000002"], {"id": ["000000001", "000000002"]}),
        (["total=64"], {"total": [64]}),
        (["total=64.50"], {"total": [64.5]}),
        (["coupon=null"], {"coupon": [None]}),
        (["metadata.async=true"], {"metadata": {"async": [True]}}),
        (["id^=0000"], {"id": [{"prefix": "0000"}]}),
        (["id$=1"], {"id": [{"suffix": "1"}]}),
        (["items.name~=*Backpack"], {"items": {"name": [{"wildcard": "*Backpack"}]}}),
        (["status!=pending"], {"status": [{"anything-but": ["pending"]}]}),
        (
            ["status!=pending", "status!=holded"],
            {"status": [{"anything-but": ["pending", "holded"]}]},
        ),
        (["status!^=pend"], {"status": [{"anything-but": {"prefix": "pend"}}]}),
        (["total>100"], {"total": [{"numeric": [">", 100]}]}),
        (["total>=10", "total<=99.9"], {"total": [{"numeric": [">=", 10, "<=", 99.9]}]}),
        (["tracking.transport?"], {"tracking": {"transport": [{"exists": True}]}}),
        (["total<=99.9", "total>=10"], {"total": [{"numeric": [">=", 10, "<=", 99.9]}]}),
        (["tracking.ip!?"], {"tracking": {"ip": [{"exists": False}]}}),
        (["billingAddress.country=IT"], {"billingAddress": {"country": ["IT"]}}),
        (["coupon=a=b>c"], {"coupon": ["a=b>c"]}),
    ],
)
def test_every_operator_has_a_filter(filters, detail):
    assert made(ORDER, *filters)["detail"] == detail


def test_one_of_several_filters_may_be_enough():
    detail = made(ORDER, "total>10", any_of=("coupon?", "items.sku=24-MB02"))["detail"]
    assert detail == {
        "total": [{"numeric": [">", 10]}],
        "$or": [{"coupon": [{"exists": True}]}, {"items": {"sku": ["24-MB02"]}}],
    }


@pytest.mark.parametrize(
    ("names", "message", "fault"),
    [
        (ORDER, "totl>10", "detail.totl: OrderPlaced has no such field; did you mean 'total'?"),
        (
            ORDER,
            "items.skuu=1",
            "detail.items.skuu: OrderPlaced has no such field; did you mean 'sku'?",
        ),
        (ORDER, "country=IT", "detail.country: OrderPlaced has no such field"),
        (["OrderPlaced", "StateSaved"], "total>10", "detail.total: StateSaved has no such field"),
        (ORDER, "total>many", "detail.total: 'many' is no number"),
        (ORDER, "total^=1", "detail.total: prefix is for text, this is number"),
        (ORDER, "status>1", "detail.status: numeric is for numbers, this is string"),
        (ORDER, "items=1", "detail.items: is an object in OrderPlaced: match its fields"),
        (ORDER, "id.x=1", "detail.id: is no object in OrderPlaced"),
        (["InvoicePayed"], "status=PAYED", 'detail.status: is never "PAYED"; it is one of "OPEN"'),
        (ORDER, "total", "'total': must be a field, an operator and a value"),
        (ORDER, "total?1", "nothing comes after ?"),
        (ORDER, "items.name~=**a", "a wildcard may not have two * in a row"),
        (
            ORDER,
            "metadata.async=yes",
            'detail.metadata.async: "yes" can never match: it is boolean',
        ),
    ],
)
def test_what_can_never_match_is_reported(names, message, fault):
    with pytest.raises(PatternError) as error:
        made(names, message)
    assert fault in str(error.value)


def test_a_field_is_a_value_or_an_object():
    with pytest.raises(PatternError, match="object in another"):
        made(ORDER, "billingAddress=x", "billingAddress.country=IT")


def test_an_or_of_one_is_none():
    with pytest.raises(PatternError, match="two or more"):
        made(ORDER, any_of=("coupon?",))


def test_fields_of_an_object_of_any_fields_are_not_judged():
    detail = made(["CronStarted"], "jobConfig.name=x", "jobConfig.a.b>1")["detail"]
    assert detail["jobConfig"] == {"name": ["x"], "a": {"b": [{"numeric": [">", 1]}]}}


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ({}, "the pattern is empty"),
        ({"detail_type": ["OrderPlaced"]}, "did you mean 'detail-type'?"),
        ({"source": "example.com"}, "source: must be an array"),
        ({"source": []}, "source: an empty array"),
        ({"detail-type": ["OrderPlacd"]}, "did you mean 'OrderPlaced'?"),
        ({"detail": []}, "detail: must be an object"),
        ({"detail": {"totl": [1]}}, "detail.totl: "),
        (
            {"detail-type": ORDER, "detail": {"id": "1"}},
            'detail.id: must be an array of values, as ["1"]',
        ),
        (
            {"detail-type": ORDER, "detail": {"total": [64.0]}},
            "detail.total: 64.0 never matches: write 64",
        ),
        (
            {"detail-type": ORDER, "detail": {"id": [1]}},
            "detail.id: 1 can never match: it is string",
        ),
        ({"detail-type": ORDER, "detail": {"id": [[1]]}}, "detail.id: [1] is no value to match"),
        ({"detail-type": ORDER, "detail": {"id": [{"prefiks": "1"}]}}, "did you mean 'prefix'?"),
        ({"detail-type": ORDER, "detail": {"id": [{"prefix": 1}]}}, "prefix needs a text"),
        (
            {"detail-type": ORDER, "detail": {"id": [{"prefix": "1", "suffix": "2"}]}},
            "one operator",
        ),
        ({"detail-type": ORDER, "detail": {"id": [{"exists": "yes"}]}}, "exists is true or false"),
        (
            {"detail-type": ORDER, "detail": {"total": [{"numeric": [">"]}]}},
            "numeric is one comparison",
        ),
        (
            {"detail-type": ORDER, "detail": {"total": [{"numeric": ["~", 1]}]}},
            "numeric is one comparison",
        ),
        (
            {"detail-type": ORDER, "detail": {"id": [{"anything-but": {"exists": True}}]}},
            "anything-but accepts",
        ),
        ({"detail-type": ORDER, "detail": {"id": [{"anything-but": [1]}]}}, "1 can never match"),
        (
            {"detail-type": ORDER, "detail": {"id": [{"anything-but": {"suffix": [1]}}]}},
            "suffix needs a text",
        ),
        (
            {"detail-type": ORDER, "detail": {"$or": [{"id": ["1"]}]}},
            "$or: must be an array of two",
        ),
        (
            {"detail-type": ORDER, "detail": {"$or": [{"id": ["1"]}, {"idd": ["1"]}]}},
            "detail.idd: OrderPlaced has",
        ),
    ],
)
def test_a_pattern_written_by_hand_is_checked(pattern, message):
    assert message in "\n".join(faults(pattern))


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": [{"prefix": "example."}], "detail-type": [{"prefix": "Order"}]},
        {"detail-type": ORDER, "$or": [{"source": ["a"]}, {"account": ["b"]}]},
        {"detail-type": ORDER, "detail": {"id": [{"prefix": {"equals-ignore-case": "A"}}, "b"]}},
        {"detail-type": ORDER, "detail": {"id": [{"anything-but": "1"}], "coupon": [None, "x"]}},
        {"detail-type": ORDER, "detail": {"tracking": {"ip": [{"cidr": "10.0.0.0/24"}]}}},
        {"detail-type": ["InvoicePayed"], "detail": {"status": ["PAID", "OPEN"]}},
        {"detail": {"total": [{"numeric": [">", 10]}]}},
        {"detail-type": [{"prefix": "Cron"}], "detail": {"groupId": ["default"]}},
    ],
)
def test_a_good_pattern_has_no_faults(pattern):
    assert faults(pattern) == []


@pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ("[]", "no JSON object")])
def test_what_is_no_pattern_is_reported(text, message):
    with pytest.raises(PatternError, match=message):
        patterns.read(text)


# Matching


@pytest.mark.parametrize("name", SAMPLES)
def test_an_event_matches_the_pattern_of_its_own_name_only(name):
    pattern = made([name])
    assert [other for other in SAMPLES if matches_here(pattern, SAMPLES[other])] == [name]


@pytest.mark.parametrize(
    ("filters", "is_match"),
    [
        (["total=64"], True),
        (["total=65"], False),
        (["total>63", "total<=64"], True),
        (["total>64"], False),
        (["coupon=null"], True),
        (["coupon?"], True),
        (["tracking.transport?"], False),
        (["tracking.ip!?"], True),
        (["id^=0000"], True),
        (["id$=2"], False),
        (["status!=pending"], False),
        (["status!^=comp"], True),
        (["items.sku=24-MB02"], True),
        (["items.sku=24-MB03"], False),
        (["items.name~=*Backpack"], True),
        (["items.price>=59", "items.sku=24-MB02"], True),
        (["billingAddress.street=via di test"], True),
        (["billingAddress.country=IT", "billingAddress.city=Test"], True),
    ],
)
def test_filters_match_as_they_say(filters, is_match):
    assert matches_here(made(ORDER, *filters), SAMPLES["OrderPlaced"]) is is_match


def test_or_matches_when_one_does():
    placed = SAMPLES["OrderPlaced"]
    assert matches_here(made(ORDER, any_of=("total>1000", "items.sku^=24")), placed)
    assert not matches_here(made(ORDER, any_of=("total>1000", "items.sku^=25")), placed)


def test_fields_of_an_array_are_of_one_member():
    # As in EventBridge, one line item must match, not two together.
    event = json.loads(json.dumps(SAMPLES["OrderPlaced"]))
    event["detail"]["items"] = [
        {"sku": "a", "name": "A", "price": 1, "qty": 1},
        {"sku": "b", "name": "B", "price": 9, "qty": 1},
    ]
    assert matches_here(made(ORDER, "items.sku=b", "items.price>5"), event)
    assert not matches_here(made(ORDER, "items.sku=a", "items.price>5"), event)
    assert matches_here(made(ORDER), {**event, "detail": {**event["detail"], "items": []}})


def test_without_moto_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "moto.events.models", None)
    with pytest.raises(MatcherMissingError, match=r"pip install .*\[rules\]"):
        matches_here({}, {})


# What AWS refuses


def condition(field: str, *conditions: Any) -> dict[str, Any]:
    return {"detail-type": ORDER, "detail": {field: list(conditions)}}


REFUSED = [
    (condition("total", {"numeric": ["<", 5, ">", 0]}), "lower bound"),
    (condition("total", {"numeric": [">", 0, ">", 5]}), "lower bound"),
    (condition("total", {"numeric": ["=", 0, "<", 5]}), "lower bound"),
    (condition("total", {"numeric": [">", 5, "<", 5]}), "is empty"),
    (condition("total", {"numeric": [">", 5, "<", 1]}), "is empty"),
    (condition("total", {"numeric": [">", 0, "<", 5, "<", 6]}), "one comparison or a range"),
    (condition("total", {"numeric": []}), "one comparison or a range"),
    (condition("total", {"numeric": [">", "0"]}), "one comparison or a range"),
    (condition("total", {"numeric": [">", True]}), "one comparison or a range"),
    (condition("total", {"numeric": [">", 5_000_000_001]}), "not between"),
    (condition("total", {"numeric": ["<", -6e9]}), "not between"),
    (condition("total", {"numeric": [">", float("nan")]}), "not between"),
    (condition("total", {"anything-but": [6_000_000_000]}), "not between"),
    (condition("id", {"anything-but": []}), "needs a value"),
    (condition("id", {"anything-but": None}), "not null, true or false"),
    (condition("id", {"anything-but": ["1", None]}), "not null, true or false"),
    (condition("id", {"anything-but": [True]}), "not null, true or false"),
    (condition("id", {"anything-but": ["1", 1]}), "not both"),
    (condition("id", {"anything-but": {"prefix": ""}}), "matches nothing"),
    (condition("id", {"anything-but": {"prefix": []}}), "needs a value"),
    (condition("id", {"anything-but": {"wildcard": "a**"}}), "two * in a row"),
    (condition("id", {"anything-but": {"prefix": "1", "suffix": "2"}}), "anything-but accepts"),
    (condition("id", {"prefix": ""}), "an empty prefix"),
    (condition("id", {"suffix": ""}), "an empty suffix"),
    (condition("id", {"prefix": {"equals-ignore-case": ""}}), "an empty prefix"),
    (condition("id", {"prefix": {"equals": "a"}}), "equals-ignore-case alone"),
    (condition("id", {"equals-ignore-case": ["a"]}), "needs a text"),
    (condition("id", {"wildcard": "a\\b"}), "a backslash stands before"),
    (condition("id", {"wildcard": "a\\"}), "a backslash stands before"),
    (condition("id", {"wildcard": "a\\***"}), "two * in a row"),
    (condition("id", {"cidr": "10.0.0.0"}), "0 to 31 bits"),
    (condition("id", {"cidr": "10.0.0.0/32"}), "0 to 31 bits"),
    (condition("id", {"cidr": "10.0.0.0/-1"}), "0 to 31 bits"),
    (condition("id", {"cidr": "10.0.0.0/8/8"}), "0 to 31 bits"),
    (condition("id", {"cidr": "2001:db8::/128"}), "0 to 127 bits"),
    (condition("id", {"cidr": "10.0.0/8"}), "an address and a number of bits"),
    (condition("id", {"cidr": "example.com/8"}), "an address and a number of bits"),
    (condition("id", {}), "one operator, this one has 0"),
    (condition("id", *(f"{number:09}" for number in range(200))), "AWS accepts 2048"),
    ({"source": [{"prefix": ""}]}, "an empty prefix"),
    ({"$or": [{"source": [{"prefix": ""}]}, {"account": ["1"]}]}, "an empty prefix"),
    ({"$or": [{"source": ["a"]}, {"acount": ["1"]}]}, "did you mean 'account'?"),
    ({"$or": [{"source": ["a"]}]}, "two or more"),
    ({"$or": ["a", "b"]}, "two or more"),
    ({"detail-type": ORDER, "detail": {"$or": [1, 2]}}, "two or more"),
    ({"detail-type": ORDER, "detail": {"billingAddress": {}}}, "an empty object"),
]


@pytest.mark.parametrize(("pattern", "fault"), REFUSED, ids=range(len(REFUSED)))
def test_what_aws_refuses_is_refused(pattern, fault):
    assert fault in "\n".join(faults(pattern))


@pytest.mark.parametrize(
    "pattern",
    [
        condition("total", {"numeric": [">", -5_000_000_000, "<=", 5_000_000_000]}),
        condition("total", {"numeric": ["=", 0]}, {"anything-but": [1, 2.5]}, {"anything-but": 3}),
        condition("id", {"wildcard": "a\\**"}, {"wildcard": "\\\\*"}, {"wildcard": "*"}),
        condition("id", {"cidr": "10.0.0.0/0"}, {"cidr": "2001:db8::/127"}),
        condition("id", {"anything-but": {"suffix": ["1", "2"]}}, {"suffix": "3"}),
        {"$or": [{"source": ["a"]}, {"account": ["1"]}]},
    ],
)
def test_what_aws_accepts_is_accepted(pattern):
    assert faults(pattern) == []


@pytest.mark.parametrize(
    ("field", "leaf"),
    [("tracking", "tracking."), ("billingAddress", "billingAddress."), ("items", "items.")],
)
@pytest.mark.parametrize("mark", ["?", "!?"])
def test_existence_of_an_object_is_explained_with_a_field_that_can_be_tested(field, leaf, mark):
    with pytest.raises(PatternError) as error:
        made(ORDER, f"{field}{mark}")
    assert "looks for the existence of values only" in str(error.value)
    proposed = str(error.value).rpartition(", as ")[2]
    assert proposed.startswith(leaf)
    assert made(ORDER, f"{proposed}{mark}")


def test_a_pattern_without_a_detail_type_names_the_event_that_was_meant():
    (fault,) = faults({"detail": {"shippingAddres": {"city": ["Rome"]}, "total": [1]}})
    assert fault.startswith("detail.shippingAddres: Order")
    assert "did you mean 'shippingAddress'?" in fault


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"detail":{"total":[NaN]}}', "NaN is no number"),
        ('{"detail":{"total":[-Infinity]}}', "-Infinity is no number"),
        ('{"detail":{"id":["a"],"id":["b"]}}', "'id' is there twice"),
        ('{"source":["a"],"source":["b"]}', "'source' is there twice"),
        ('{"source":["\\ud800"]}', r"\ud800 is no character"),
        ('{"source":["\\udc00\\ud800"]}', "is no character"),
        ("[" * 100_000, "nested too deep"),
        ('{"a":' * 100_000, "nested too deep"),
    ],
)
def test_json_that_only_python_accepts_is_refused(text: str, message: str):
    with pytest.raises(PatternError) as refused:
        patterns.read(text)
    assert message in str(refused.value)


def test_a_byte_order_mark_and_pairs_of_surrogates_are_accepted():
    assert patterns.read('\ufeff{"source":["\\ud83d\\ude42"]}') == {"source": ["🙂"]}


@pytest.mark.parametrize(
    "value", ["inf", "-inf", "nan", "1e400", "1_000", "\uff15", "0x10", "", " 1", "1 ", "."]
)
def test_what_is_no_number_is_refused_in_a_filter(value: str):
    with pytest.raises(PatternError, match="is no number"):
        made(ORDER, f"total>={value}")


@pytest.mark.parametrize(
    ("value", "number"), [("5e9", 5_000_000_000), ("+1.5", 1.5), (".5", 0.5), ("-1E2", -100)]
)
def test_numbers_in_other_notations(value: str, number: float):
    assert made(ORDER, f"total>={value}")["detail"] == {"total": [{"numeric": [">=", number]}]}


def test_half_a_surrogate_pair_is_refused_in_a_filter():
    with pytest.raises(PatternError, match="is no character"):
        made(ORDER, "id=\udcff")


def test_a_number_that_is_too_large_for_python_is_refused():
    wanted = patterns.read('{"detail-type":["OrderPlaced"],"detail":{"total":[1e400]}}')
    assert faults(wanted) == ["detail.total: inf is no number that EventBridge can compare"]


def test_the_alternatives_of_an_envelope_are_checked_for_their_events():
    wanted = {
        "source": ["x"],
        "$or": [
            {"detail-type": ["OrderPlaced"], "detail": {"totl": [1]}},
            {"detail-type": ["OrderPlacd"]},
        ],
    }
    assert faults(wanted) == [
        "detail.totl: OrderPlaced has no such field; did you mean 'total'?",
        "detail-type: no event is sent as 'OrderPlacd'; did you mean 'OrderPlaced'?",
    ]
    outer = {"detail-type": ["OrderPlaced"], "$or": [{"source": ["x"]}, {"detail": {"sku": ["a"]}}]}
    assert faults(outer) == ["detail.sku: OrderPlaced has no such field"]
    good = {"detail-type": ["OrderPlaced"], "$or": [{"source": ["x"]}, {"detail": {"total": [1]}}]}
    assert faults(good) == []


def test_an_address_with_a_zone_is_refused():
    pattern = {"source": [{"cidr": "fe80::1%eth0/64"}]}
    assert "cidr needs an address" in faults(pattern)[0]
