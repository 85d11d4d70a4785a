"""Refused events that wait apart, in groups, and their probes."""

import pytest

from magento_eventbridge.delivery.apart import Apart, Refusals, TypeGroup, ViewGroup
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.lane import Lane, Pending
from magento_eventbridge.delivery.ports import Claim, Limits
from magento_eventbridge.delivery.verdicts import Fate, Verdict

CARTS = TypeGroup("shop", "Cart")
ORDERS = TypeGroup("shop", "Order")


def pending(name: str, kind: TypeGroup = CARTS, key: str = "", view: int = 1) -> Pending:
    entry = Entry.of(
        source=kind.source,
        detail_type=kind.detail_type,
        detail="{}",
        time=1.0,
        event_bus=None,
        id=name,
    )
    return Pending(Claim(name, b""), entry, key or name, name, "Cart/Added", view)


def lane_of(*entries: Pending) -> Lane:
    lane = Lane(Limits(max_entries=10, max_bytes=10_000))
    for entry in entries:
        lane.add(entry)
    return lane


def names(entries: list[Pending]) -> list[str]:
    return [entry.event_id for entry in entries]


def test_entries_of_a_refused_kind_leave_the_lane_and_its_room():
    lane = lane_of(pending("c1"), pending("o1", ORDERS), pending("c2"), pending("o2", ORDERS))
    lane.apart.refuse(CARTS, "denied", now=0.0, next_probe=9.0)
    assert names(lane.take(1.0)) == ["o1", "o2"]
    assert (len(lane), len(lane.apart)) == (2, 2)
    assert lane.apart.bytes == sum(entry.entry.size for entry in (pending("c1"), pending("c2")))
    assert [(str(g.group), g.waiting, g.reason) for g in lane.apart.groups] == [
        ("Cart of source 'shop'", 2, "denied")
    ]


def test_a_subjects_other_events_do_not_wait_for_a_refused_kind():
    lane = lane_of(pending("c1", key="k"), pending("o1", ORDERS, key="k"))
    lane.apart.refuse(CARTS, "denied", now=0.0, next_probe=9.0)
    assert names(lane.take(1.0)) == ["o1"]


def test_another_source_of_the_same_detail_type_is_another_kind():
    lane = lane_of(pending("c1"), pending("c2", TypeGroup("other", "Cart")))
    lane.apart.refuse(CARTS, "denied", now=0.0, next_probe=9.0)
    assert names(lane.take(1.0)) == ["c2"]


def test_one_probe_is_sent_by_itself_when_it_is_due():
    lane = lane_of(pending("c1"), pending("c2"), pending("o1", ORDERS))
    lane.apart.refuse(CARTS, "denied", now=0.0, next_probe=5.0)
    assert names(lane.take(1.0)) == ["o1"]
    assert lane.next_due() == 5.0
    assert lane.take(4.9) == []
    assert names(lane.take(5.0)) == ["c1"]
    assert lane.take(100.0) == []  # while it is in flight there is no second one
    assert lane.next_due() is None


def test_after_an_accepted_probe_the_others_go_too():
    lane = lane_of(*(pending(name, key=name[0]) for name in ("a1", "b1", "a2")))
    lane.apart.refuse(CARTS, "denied", now=0.0, next_probe=5.0)
    lane.take(1.0)
    (probe,) = lane.take(5.0)
    assert (probe.event_id, probe.probes) == ("a1", CARTS)
    lane.release(CARTS)
    assert sorted(names(lane.take(6.0))) == ["a2", "b1"]
    assert lane.apart.groups == []


def test_a_refused_probe_lets_the_next_be_about_something_else():
    lane = lane_of(*(pending(name, key=name[0]) for name in ("a1", "a2", "b1")))
    apart = lane.apart
    apart.refuse(CARTS, "denied", now=0.0, next_probe=5.0)
    lane.take(1.0)
    (probe,) = lane.take(5.0)
    apart.refuse_probe(probe, "denied again", next_probe=9.0)
    assert apart.failures(CARTS) == 2
    assert apart.groups[0].reason == "denied again"
    (probe,) = lane.take(9.0)
    assert probe.event_id == "b1"
    apart.put_back_probe(probe, next_probe=9.5)
    lane.release(CARTS)
    assert names(lane.take(10.0)) == ["b1", "a1"]  # a2 waits for a1


def test_a_probe_that_was_not_answered_keeps_its_place():
    lane = lane_of(pending("c1"), pending("c2"))
    lane.apart.refuse(CARTS, "denied", now=0.0, next_probe=5.0)
    lane.take(1.0)
    (probe,) = lane.take(5.0)
    lane.apart.put_back_probe(probe, next_probe=7.0)
    assert len(lane.apart) == 2
    assert names(lane.take(7.0)) == ["c1"]


def test_a_store_view_waits_as_a_whole():
    lane = lane_of(pending("c1", view=1), pending("o1", ORDERS, view=1), pending("c2", view=2))
    lane.apart.refuse(ViewGroup(1), "refused", now=0.0, next_probe=9.0)
    assert names(lane.take(1.0)) == ["c2"]
    assert str(lane.apart.groups[0].group) == "all events of store view 1"


def test_what_is_too_much_is_taken_from_the_end_of_the_largest_group():
    lane = lane_of(*(pending(f"c{n}") for n in range(5)), pending("o1", ORDERS))
    lane.apart.refuse(CARTS, "denied", now=0.0, next_probe=9.0)
    lane.apart.refuse(ORDERS, "denied", now=0.0, next_probe=9.0)
    lane.take(1.0)
    assert names(lane.apart.take_last(3)) == ["c2", "c3", "c4"]
    assert len(lane.apart) == 3
    assert len(lane.apart.take_last(100)) == 3


def test_everything_is_given_back_at_the_end():
    lane = lane_of(pending("c1"), pending("o1", ORDERS))
    lane.apart.refuse(CARTS, "denied", now=0.0, next_probe=9.0)
    (order,) = lane.take(1.0)
    lane.put_back([order])
    assert names(lane.clear()) == ["o1", "c1"]
    assert (len(lane), len(lane.apart), lane.apart.bytes) == (0, 0, 0)


def test_a_group_is_refused_once():
    apart = Apart()
    assert apart.refuse(CARTS, "one", now=0.0, next_probe=1.0)
    assert not apart.refuse(CARTS, "two", now=1.0, next_probe=2.0)
    assert apart.failures(ORDERS) == 0


# When the settings are wrong

REFUSED = Verdict(Fate.BURY, "InvalidArgument: Source is too long")


def fates(refusals: Refusals, *entries: Pending, verdict: Verdict = REFUSED) -> list[Fate]:
    """Return the fates of entries that are refused in calls of their own."""
    return [refusals.weigh([entry], [verdict])[0][0].fate for entry in entries]


def orders(count: int, *, view: int = 1) -> list[Pending]:
    return [pending(str(number), view=view) for number in range(count)]


def test_ten_subjects_in_a_row_are_not_a_coincidence():
    refusals = Refusals()
    assert fates(refusals, *orders(12)) == [Fate.BURY] * 9 + [Fate.HOLD] * 3
    ((verdict,), _) = refusals.weigh([pending("x")], [REFUSED])
    reason = verdict.reason
    assert reason == f"one event after the other is refused: {REFUSED.reason}"


def test_one_event_that_is_refused_again_and_again_is_at_fault_itself():
    assert set(fates(Refusals(), *[pending("1")] * 50)) == {Fate.BURY}


@pytest.mark.parametrize(
    "between",
    [Verdict(Fate.DELIVERED), Verdict(Fate.BURY, "MalformedDetail"), None],
    ids=["a delivery", "another code", "a new beginning"],
)
def test_a_row_ends(between):
    refusals = Refusals()
    fates(refusals, *orders(9))
    if between:
        fates(refusals, pending("other"), verdict=between)
    else:
        refusals.forget(1)
    assert fates(refusals, pending("9")) == [Fate.BURY]


def test_other_verdicts_neither_end_a_row_nor_belong_to_it():
    refusals = Refusals()
    fates(refusals, *orders(9))
    assert fates(refusals, *orders(20), verdict=Verdict(Fate.RETRY)) == [Fate.RETRY] * 20
    assert fates(refusals, pending("9")) == [Fate.HOLD]


def test_store_views_are_judged_by_themselves():
    refusals = Refusals()
    fates(refusals, *orders(30, view=1))
    assert fates(refusals, *orders(1, view=2)) == [Fate.BURY]


def weighed(refusals: Refusals, *entries: Pending) -> tuple[list[Fate], list[str]]:
    """Return the fates of entries that are refused in one call, and whom to recover."""
    verdicts, wrongly_buried = refusals.weigh(entries, [REFUSED] * len(entries))
    return [verdict.fate for verdict in verdicts], wrongly_buried


def test_ten_that_are_refused_in_one_call_are_all_held():
    assert weighed(Refusals(), *orders(10)) == ([Fate.HOLD] * 10, [])


def test_those_of_former_calls_are_recovered_once_the_settings_are_at_fault():
    refusals = Refusals()
    ten = orders(10)
    assert weighed(refusals, *ten[:6]) == ([Fate.BURY] * 6, [])
    assert weighed(refusals, *ten[6:]) == ([Fate.HOLD] * 4, ["0", "1", "2", "3", "4", "5"])
    assert weighed(refusals, *orders(3)) == ([Fate.HOLD] * 3, [])


def test_those_before_an_accepted_one_stay_buried():
    refusals = Refusals()
    entries = [pending(str(number)) for number in range(14)]
    verdicts = [REFUSED] * 3 + [Verdict(Fate.DELIVERED)] + [REFUSED] * 10
    result, wrongly_buried = refusals.weigh(entries, verdicts)
    expected = [Fate.BURY] * 3 + [Fate.DELIVERED] + [Fate.HOLD] * 10
    assert [verdict.fate for verdict in result] == expected
    assert wrongly_buried == []


def test_another_view_in_the_same_call_is_not_held():
    entries = [*orders(10, view=1), *orders(3, view=2)]
    assert weighed(Refusals(), *entries) == ([Fate.HOLD] * 10 + [Fate.BURY] * 3, [])


def test_events_are_at_fault_themselves_when_their_settings_are_proven():
    entries = orders(30)
    for entry in entries:
        entry.settings_proven = True
    assert weighed(Refusals(), *entries) == ([Fate.BURY] * 30, [])


def test_an_event_accepted_behind_others_in_the_same_call_proves_the_settings():
    refusals = Refusals()
    fates(refusals, *orders(12))
    entries = [pending("x"), pending("y"), pending("z")]
    verdicts = [REFUSED, Verdict(Fate.DELIVERED), REFUSED]
    result, wrongly_buried = refusals.weigh(entries, verdicts)
    assert [verdict.fate for verdict in result] == [Fate.BURY, Fate.DELIVERED, Fate.BURY]
    assert wrongly_buried == []


def test_a_probe_is_due_once_another_event_of_the_view_was_accepted():
    apart = Apart()
    apart.refuse(ViewGroup(1), "refused", 0.0, 60.0)
    apart.add(ViewGroup(1), pending("1"))
    apart.probe_soon(ViewGroup(2), 5.0)
    assert apart.take_probe(5.0, 1000) is None
    apart.probe_soon(ViewGroup(1), 5.0)
    assert apart.take_probe(5.0, 1_000_000) is not None
