"""Patterns of declarations: our matcher agrees with moto's."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magento_eventbridge.catalog.matching import matches
from magento_eventbridge.provisioning.matching import matches_here

VERDICTS = Path(__file__).with_name("aws_verdicts.json")
DETAIL = {
    "status": "complete",
    "total": 64,
    "weight": 1.5,
    "coupon": None,
    "isNew": True,
    "tags": ["a", "b"],
    "address": {"country": "IT", "region": None},
    "items": [{"sku": "A-1", "qty": 1}, {"sku": "B-2", "qty": 5}],
    "ip": "10.1.2.3",
}
CASES: list[tuple[dict[str, Any], bool]] = [
    ({"status": ["complete"]}, True),
    ({"status": ["new", "complete"]}, True),
    ({"status": ["Complete"]}, False),
    ({"status": [{"prefix": "comp"}]}, True),
    ({"status": [{"suffix": "lete"}]}, True),
    ({"status": [{"equals-ignore-case": "COMPLETE"}]}, True),
    ({"status": [{"anything-but": ["new"]}]}, True),
    ({"status": [{"anything-but": "complete"}]}, False),
    ({"status": [{"anything-but": {"prefix": "comp"}}]}, False),
    ({"total": [64]}, True),
    ({"total": ["64"]}, False),
    ({"total": [{"numeric": [">", 10, "<=", 64]}]}, True),
    ({"total": [{"numeric": ["<", 64]}]}, False),
    ({"status": [{"numeric": [">", 1]}]}, False),
    ({"coupon": [None]}, True),
    ({"coupon": [{"exists": True}]}, True),
    ({"nothing": [{"exists": False}]}, True),
    ({"nothing": [{"anything-but": "x"}]}, False),
    ({"isNew": [True]}, True),
    ({"tags": ["b"]}, True),
    ({"address": {"country": ["IT"]}}, True),
    ({"address": {"country": ["DE"]}}, False),
    ({"items": {"sku": ["B-2"], "qty": [5]}}, True),
    ({"items": {"sku": ["A-1"], "qty": [5]}}, False),
]


def test_six_thousand_pairs_match_as_in_awss_own_matcher():
    """Compare with what aws/event-ruler (337e8d9) said of each pair of pattern and event.

    The patterns were created by `rules pattern` from random filters, the events are samples with
    random changes.
    """
    recorded = json.loads(VERDICTS.read_text())
    events = recorded["events"]
    differing = [
        (rule["pattern"], number)
        for rule in recorded["rules"]
        for number, verdict in enumerate(rule["matches"])
        if matches_here(rule["pattern"], events[number]) is not (verdict == "1")
    ]
    assert differing == []
    assert len(events) * len(recorded["rules"]) == 6_000
    assert sum(rule["matches"].count("1") for rule in recorded["rules"]) > 900


@pytest.mark.parametrize(("pattern", "expected"), CASES)
def test_a_pattern_matches_as_at_aws(pattern, expected):
    assert matches(pattern, DETAIL) is expected
    assert matches_here({"detail": pattern}, {"detail": DETAIL}) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"isNew": [1]}, False),
        ({"$or": [{"status": ["new"]}, {"total": [64]}]}, True),
        ({"$or": [{"status": ["new"]}, {"total": [65]}]}, False),
        ({"status": [{"wildcard": "c*p*e"}]}, True),
        ({"status": [{"wildcard": r"c\*"}]}, False),
        ({"status": [{"prefix": {"equals-ignore-case": "COM"}}]}, True),
        ({"ip": [{"cidr": "10.0.0.0/8"}]}, True),
        ({"ip": [{"cidr": "192.0.2.0/24"}]}, False),
        ({"status": [{"cidr": "10.0.0.0/8"}]}, False),
        ({"status": [{"no-such-operator": "x"}]}, False),
        ({"status": {"inner": ["x"]}}, False),
    ],
)
def test_what_moto_does_not_decide_as_aws_does(pattern, expected):
    assert matches(pattern, DETAIL) is expected


LEAF = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "b", "ab"])


@settings(deadline=None, max_examples=80)
@given(
    detail=st.dictionaries(st.sampled_from("xyz"), LEAF | st.lists(LEAF, max_size=3)),
    pattern=st.dictionaries(
        st.sampled_from("xyz"),
        st.lists(
            LEAF
            | st.builds(lambda text: {"prefix": text}, st.sampled_from(["a", "b"]))
            | st.builds(lambda is_there: {"exists": is_there}, st.booleans()),
            min_size=1,
            max_size=2,
        ),
        min_size=1,
    ),
)
def test_matching_never_fails(detail: dict[str, Any], pattern: dict[str, Any]) -> None:
    assert matches(pattern, detail) in (True, False)
