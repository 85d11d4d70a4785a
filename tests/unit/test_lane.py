"""Lanes: which entries form the next call, whatever happened to former calls."""

from collections import deque
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from msgspec.structs import replace

from magento_eventbridge.delivery.apart import TypeGroup
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.lane import Lane, Pending
from magento_eventbridge.delivery.ports import Claim, Limits

SMALLEST = 14 + len("sd")


def pending(key: str, size: int = SMALLEST, name: str = "e", *, alone: bool = False) -> Pending:
    entry = Entry.of(
        source="s",
        detail_type="d",
        detail="x" * (size - SMALLEST),
        time=1.0,
        event_bus=None,
        id=name,
    )
    return Pending(Claim(name, b""), entry, key, name, "Order/Placed", alone=alone)


def lane_of(*entries: Pending, max_entries: int = 10, max_bytes: int = 1000) -> Lane:
    lane = Lane(Limits(max_entries=max_entries, max_bytes=max_bytes))
    for entry in entries:
        lane.add(entry)
    return lane


# Single calls


def test_entries_of_different_keys_go_together_in_their_order():
    entries = [pending(key) for key in "abc"]
    assert lane_of(*entries).take(0) == entries


def test_a_call_holds_no_more_entries_than_the_bus_takes():
    entries = [pending(str(number)) for number in range(25)]
    lane = lane_of(*entries)
    assert [len(lane.take(0)) for _ in range(4)] == [10, 10, 5, 0]


def test_a_call_holds_no_more_bytes_than_the_bus_takes():
    lane = lane_of(pending("a", 400), pending("b", 600), pending("c", 100))
    assert [[entry.order_key for entry in lane.take(0)] for _ in range(2)] == [["a", "b"], ["c"]]


def test_a_call_that_tries_the_destination_does_not_wait_for_s3():
    large, small, other = pending("a", 1001), pending("b"), pending("c")
    lane = lane_of(large, small, other, pending("b"))
    assert lane.take(0, tries_destination=True) == [small, other]
    assert lane.take(0, tries_destination=True) == [large]  # nothing else is ready
    lane.put_back([large])
    assert lane.take(0) == [large]
    assert [lane.waiting_of(key) for key in "abcd"] == [1, 2, 1, 0]


def test_large_entries_that_are_passed_over_keep_their_order():
    first, second, small = pending("a", 1001), pending("b", 1002), pending("c")
    lane = lane_of(first, second, small)
    assert lane.take(0, tries_destination=True) == [small]
    assert [lane.take(0) for _ in range(2)] == [[first], [second]]


def test_the_probe_of_a_group_is_an_entry_that_does_not_wait_for_s3():
    group = TypeGroup("s", "d")
    entries = [pending("a", 1001), pending("a"), pending("b"), pending("c")]
    lane = lane_of(*entries)
    lane.apart.refuse(group, "not allowed", 0.0, 0.0)
    lane.take(0)  # all move apart
    # The second is behind the first, of one subject.
    assert lane.take(0) == [entries[2]]
    lane.apart.refuse_probe(entries[2], "not allowed", 0.0)
    assert lane.take(0) == [entries[3]]


def test_a_large_entry_is_the_probe_if_there_is_no_other():
    group = TypeGroup("s", "d")
    entries = [pending("a", 1001), pending("a"), pending("b", 1002)]
    lane = lane_of(*entries)
    lane.apart.refuse(group, "not allowed", 0.0, 0.0)
    lane.take(0)
    assert lane.take(0) == [entries[0]]


def test_probes_of_many_groups_leave_most_calls_to_others():
    lane = lane_of(*(pending(f"accepted {number}") for number in range(200)))
    for number in range(20):
        group = TypeGroup(f"denied {number}", "d")
        lane.apart.refuse(group, "not allowed", 0.0, 0.0)
        lane.apart.add(group, pending(f"denied {number}"))
    calls = [lane.take(0) for _ in range(20)]
    assert [bool(call[0].probes) for call in calls] == ([True] + [False] * 9) * 2
    for _ in range(3):
        lane.take(0)  # a probe, and the rest of what is accepted
    assert all(lane.take(0)[0].probes for _ in range(17))


def test_an_entry_that_is_as_large_as_a_call_fills_it():
    lane = lane_of(pending("a", 1000), pending("b", 1000))
    assert [len(lane.take(0)) for _ in range(3)] == [1, 1, 0]


def test_of_one_key_only_the_first_is_under_way():
    first, second, third = (pending("a", name=name) for name in "123")
    lane = lane_of(first, second, third)
    assert lane.take(0) == [first]
    assert lane.take(0) == []
    lane.settle(first)
    assert lane.take(0) == [second]
    lane.settle(second)
    assert lane.take(0) == [third]
    lane.settle(third)
    assert (len(lane), lane.bytes) == (0, 0)


def test_others_pass_by_a_key_that_waits():
    lane = lane_of(pending("a", name="1"), pending("a", name="2"), pending("b", name="3"))
    assert [entry.event_id for entry in lane.take(0)] == ["1", "3"]


def test_an_entry_that_is_postponed_holds_back_its_key_and_no_other():
    first, second, other = pending("a", name="1"), pending("a", name="2"), pending("b", name="3")
    lane = lane_of(first, second)
    lane.postpone(lane.take(0)[0], until=5.0)
    lane.add(other)
    assert lane.take(4.9) == [other]
    assert lane.take(5.0) == [first]


def test_entries_that_are_put_back_go_first_and_in_their_order():
    entries = [pending(key) for key in "abc"]
    lane = lane_of(*entries)
    batch = lane.take(0)
    lane.add(pending("d"))
    lane.put_back(batch)
    assert lane.take(0)[:3] == entries


def test_an_entry_that_goes_alone_has_no_neighbours():
    lane = lane_of(pending("a"), pending("b", alone=True), pending("c"))
    assert [[entry.order_key for entry in lane.take(0)] for _ in range(3)] == [["a"], ["b"], ["c"]]


def test_the_lane_knows_when_the_next_entry_is_due():
    lane = lane_of()
    assert lane.next_due() is None
    lane.add(pending("a"))
    assert lane.next_due() == 0.0
    (entry,) = lane.take(0)
    assert lane.next_due() is None
    lane.postpone(entry, until=7.0)
    assert lane.next_due() == 7.0


def test_clearing_gives_all_but_what_is_under_way():
    under_way, behind, waiting = pending("a", name="1"), pending("a", name="2"), pending("b")
    lane = lane_of(under_way, behind)
    lane.take(0)
    lane.add(waiting)
    assert lane.clear() == [waiting, behind]
    assert (len(lane), lane.bytes) == (1, under_way.entry.size)
    lane.settle(under_way)
    assert (len(lane), lane.bytes) == (0, 0)


def test_clearing_gives_what_is_postponed_with_those_of_its_key():
    first, second = pending("a", name="1"), pending("a", name="2")
    lane = lane_of(first, second)
    lane.postpone(lane.take(0)[0], until=9.0)
    assert lane.clear() == [first, second]
    assert lane.next_due() is None


# Any sequence of operations


class AnyInterleaving(RuleBasedStateMachine):
    """The invariants of a lane under any sequence of operations, checked against a simple model."""

    under_way: Bundle[Pending] = Bundle("under_way")

    @initialize(max_entries=st.integers(1, 4), max_bytes=st.integers(60, 200))
    def open(self, max_entries: int, max_bytes: int) -> None:
        self.limits = Limits(max_entries=max_entries, max_bytes=max_bytes)
        self.lane = Lane(self.limits)
        self.now = 0.0
        self.names = count()
        self.unsettled: dict[str, deque[Pending]] = {}  # by key, in the order of adding
        self.taken: list[Pending] = []
        self.postponed: dict[str, float] = {}  # by name: until when
        self.added: list[str] = []
        self.left: list[str] = []

    @rule(key=st.sampled_from("abcd"), size=st.integers(SMALLEST, 60))
    def add(self, key: str, size: int) -> None:
        entry = pending(key, size, str(next(self.names)))
        self.lane.add(entry)
        self.unsettled.setdefault(key, deque()).append(entry)
        self.added.append(entry.event_id)

    @rule(target=under_way, seconds=st.floats(0, 5))
    def take(self, seconds: float) -> MultipleResults[Pending]:
        self.now += seconds
        due = self.lane.next_due()
        batch = self.lane.take(self.now)
        assert bool(batch) == (due is not None and due <= self.now)
        self.check(batch)
        self.taken += batch
        return multiple(*batch)

    def check(self, batch: list[Pending]) -> None:
        assert len(batch) <= self.limits.max_entries
        assert sum(entry.entry.size for entry in batch) <= self.limits.max_bytes
        assert len(batch) == 1 or not any(entry.alone for entry in batch)
        busy = {entry.order_key for entry in self.taken}
        for entry in batch:
            assert entry.order_key not in busy, "two of one key are under way"
            busy.add(entry.order_key)
            assert self.unsettled[entry.order_key][0] is entry, "a successor went first"
            assert self.postponed.pop(entry.event_id, 0.0) <= self.now, "it went too early"

    @rule(entry=consumes(under_way))
    def settle(self, entry: Pending) -> None:
        self.lane.settle(entry)
        self.taken.remove(entry)
        self.unsettled[entry.order_key].popleft()
        self.left.append(entry.event_id)

    @rule(entry=consumes(under_way), seconds=st.floats(0, 10))
    def postpone(self, entry: Pending, seconds: float) -> None:
        self.lane.postpone(entry, self.now + seconds)
        self.taken.remove(entry)
        self.postponed[entry.event_id] = self.now + seconds

    @rule(entry=consumes(under_way), alone=st.booleans())
    def put_back(self, entry: Pending, alone: bool) -> None:
        entry.alone = alone
        self.lane.put_back([entry])
        self.taken.remove(entry)
        assert self.lane.next_due() == 0.0

    @rule()
    def clear(self) -> None:
        cleared = self.lane.clear()
        by_key: dict[str, list[Pending]] = {}
        for entry in cleared:
            by_key.setdefault(entry.order_key, []).append(entry)
            self.left.append(entry.event_id)
        for key, line in self.unsettled.items():
            waiting = [entry for entry in line if entry not in self.taken]
            assert by_key.get(key, []) == waiting
            self.unsettled[key] = deque(entry for entry in line if entry in self.taken)
        self.postponed.clear()
        assert self.lane.next_due() is None

    @invariant()
    @precondition(lambda self: hasattr(self, "lane"))
    def it_knows_how_much_it_holds(self) -> None:
        held = [entry for line in self.unsettled.values() for entry in line]
        assert len(self.lane) == len(held)
        assert self.lane.bytes == sum(entry.entry.size for entry in held)

    def teardown(self) -> None:
        if not hasattr(self, "lane"):
            return
        for entry in list(self.taken):
            self.settle(entry)
        while len(self.lane):
            self.now += 10.0
            batch = self.lane.take(self.now)
            assert batch, "something is stuck"
            self.check(batch)
            for entry in batch:
                self.taken.append(entry)
            for entry in batch:
                self.settle(entry)
        assert sorted(self.left, key=int) == self.added, "lost or doubled"


AnyInterleaving.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None
)
TestAnyInterleaving = AnyInterleaving.TestCase


# Very many entries of one key


def deferring_lane(count: int) -> tuple[Lane, list[Claim]]:
    """Return a lane with 100 entries behind the first of a key, and so many claims."""
    lane = lane_of(*(pending("k", name=f"e{number}") for number in range(101)))
    claims = [Claim(number, b"") for number in range(count)]
    for claim in claims:
        assert lane.defers("k")
        lane.defer("k", claim)
    return lane, claims


def settle(lane: Lane, count: int) -> None:
    for _ in range(count):
        (entry,) = lane.take(0)
        lane.settle(entry)


def test_a_key_defers_what_is_beyond_a_hundred_and_no_other_key_does():
    lane, _ = deferring_lane(3)
    assert not lane.defers("other")
    assert (len(lane), lane.deferred) == (101, 3)
    assert not lane_of(*(pending("k") for _ in range(100))).defers("k")


def test_claims_are_recalled_when_few_entries_are_left():
    lane, claims = deferring_lane(70)
    assert lane.take_recalls() == []
    settle(lane, 50)
    assert lane.take_recalls() == [("k", claims[:50])]
    assert lane.take_recalls() == []  # one at a time
    assert lane.defers("k")
    for claim in claims[:50]:
        lane.add(pending("k", name=str(claim.handle)))
    lane.end_recall("k")
    settle(lane, 50)
    assert lane.take_recalls() == [("k", claims[50:])]
    assert (lane.deferred, lane.defers("k")) == (0, True)  # what comes now is behind these
    lane.end_recall("k")
    assert not lane.defers("k")


def test_claims_that_could_not_be_read_wait_on():
    lane, claims = deferring_lane(60)
    settle(lane, 50)
    ((key, some),) = lane.take_recalls()
    lane.end_recall(key, some)
    assert lane.deferred == 60
    assert lane.take_recalls() == [("k", claims[:50])]


def test_deferred_claims_are_given_back_at_the_end():
    lane, claims = deferring_lane(60)
    settle(lane, 50)
    ((key, some),) = lane.take_recalls()
    assert lane.clear_deferred() == claims[50:]
    lane.end_recall(key, some)
    assert (lane.deferred, lane.take_recalls()) == (0, [])


def numbered(*keys: str) -> list[Pending]:
    entries = [pending(key, name=f"{key}{number}") for number, key in enumerate(keys)]
    for number, entry in enumerate(entries):
        entry.number = number
    return entries


def test_what_is_left_comes_in_the_order_of_the_queue_wherever_it_waited():
    first, second, third, fourth = numbered("a", "b", "a", "b")
    lane = lane_of(first, second, third, fourth)
    lane.take(0)
    lane.postpone(first, 100.0)
    group = TypeGroup("s", "d")
    lane.apart.refuse(group, "not allowed", 0.0, 100.0)
    lane.move_apart(group, second)
    assert lane.clear() == [first, second, third, fourth]


def test_the_surplus_is_the_last_of_each_key_and_nothing_in_flight():
    entries = numbered("a", "b", "a", "b", "a", "b")
    lane = lane_of(*entries, max_entries=1)
    assert lane.take(0) == [entries[0]]
    lane.defer("a", Claim("deferred", b""))
    surplus = [entry.claim for entry in entries[3:]]
    assert lane.take_surplus(3) == [*surplus, Claim("deferred", b"")]
    assert (len(lane), lane.bytes, lane.deferred) == (3, 3 * SMALLEST, 0)
    assert lane.take(0) == [entries[1]]
    lane.settle(entries[0])
    assert lane.take(0) == [entries[2]]


def test_a_lane_within_its_share_keeps_everything():
    lane, _ = deferring_lane(3)
    assert lane.take_surplus(101) == []
    assert (len(lane), lane.deferred) == (101, 3)


def test_released_entries_go_before_later_ones_of_their_subject_that_came_meanwhile():
    entries = numbered("a", "a", "b", "a", "a", "c")
    lane = lane_of(*entries[:3])
    group = TypeGroup("s", "d")
    (first, other) = lane.take(0)
    lane.apart.refuse(group, "not allowed", 0.0, 0.0)
    lane.move_apart(group, first)
    lane.settle(other)
    probe = lane.apart.take_probe(0, 1000)
    assert probe is first
    assert lane.take(0) == []  # the second waits apart too
    for later in entries[3:]:
        lane.add(later)  # they come while no call may begin
    lane.release(group)
    assert lane.take(0) == [entries[5], entries[1]]
    for settled, following in ((1, [entries[3]]), (3, [entries[4]]), (4, [])):
        lane.settle(entries[settled])
        assert lane.take(0) == following
    assert (len(lane), lane.bytes) == (1, SMALLEST)


def test_released_entries_stay_in_order_behind_one_of_their_subject_in_flight():
    first, in_flight, third, fourth = numbered("a", "a", "a", "a")
    in_flight.entry = replace(in_flight.entry, detail_type="another")
    lane = lane_of(first, in_flight)
    group = TypeGroup("s", "d")
    lane.take(0)
    lane.apart.refuse(group, "not allowed", 0.0, 0.0)
    lane.move_apart(group, first)
    lane.apart.refuse_probe(lane.take(0)[0], "not allowed", 100.0)
    assert lane.take(0) == [in_flight]
    lane.add(third)
    lane.add(fourth)
    lane.release(group)
    assert lane.take(0) == []
    for settled, following in ((in_flight, first), (first, third), (third, fourth)):
        lane.settle(settled)
        assert lane.take(0) == [following]
