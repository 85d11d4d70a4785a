"""What waits to be written into the journal, and what is left out when too much does."""

import pytest

from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.lane import Pending
from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.ports import Claim
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, Fate, Verdict
from magento_eventbridge.journal.waiting import Note, WaitingNotes

SIZE = 1_000


def note(*fates: Fate, failures: int = 0) -> Note:
    entry = Entry.of(source="s", detail_type="d", detail="{}", time=1.0, event_bus=None, id="e")
    batch = [
        Pending(Claim(n, b""), entry, "", f"e{n}", "Order/Placed", failures=failures)
        for n in range(len(fates))
    ]
    verdicts = [Verdict(fate) for fate in fates]
    call = Call(1.0, 0.1, Destination("eu-west-1"), batch, verdicts, Answer(200))
    return Note(SIZE, len(fates), call)


def delivered(events: int = 1) -> Note:
    return note(*[Fate.DELIVERED] * events)


def settled() -> Note:
    return Note(SIZE, 1, Settlement(1.0, Claim(1, b""), None, "", None))


def waiting(*notes: Note, most_bytes: int = 8 * SIZE, events: int = 8) -> WaitingNotes:
    made = WaitingNotes(most_bytes, events, bytes_at_once=100 * SIZE)
    made.add(notes)
    return made


def test_all_come_in_their_order_a_limited_number_at_once() -> None:
    notes = [delivered() for _ in range(8)]
    queue = waiting(*notes, events=3)
    assert queue.leave_out() == []
    assert [queue.next(), queue.next(), queue.next()] == [notes[:3], notes[3:6], notes[6:]]
    assert not queue
    assert queue.next() == []


def test_the_size_of_what_comes_at_once_is_limited_too() -> None:
    queue = WaitingNotes(most_bytes=100 * SIZE, events_at_once=100, bytes_at_once=2 * SIZE)
    queue.add([delivered() for _ in range(3)])
    assert len(queue.next()) == 2


def test_the_oldest_plain_deliveries_are_left_out_when_too_much_waits() -> None:
    notes = [delivered() for _ in range(10)]
    queue = waiting(*notes)
    assert queue.leave_out() == notes[:2]
    assert queue.leave_out() == []
    assert queue.next() == notes[2:]


@pytest.mark.parametrize(
    "kept",
    [
        note(Fate.BURY),
        note(Fate.DELIVERED, Fate.RETRY),
        note(Fate.DELIVERED, failures=1),
        settled(),
    ],
)
def test_whatever_is_no_plain_delivery_is_kept(kept: Note) -> None:
    plain = [delivered() for _ in range(8)]
    queue = waiting(kept, *plain)
    assert queue.leave_out() == plain[:1]
    assert queue.next()[0] == kept


def test_while_deliveries_are_left_out_fewer_are_written() -> None:
    queue = waiting(*[delivered() for _ in range(9)])
    queue.leave_out()
    assert len(queue.next()) == 2
    queue.leave_out()  # nothing: now all may be written
    assert len(queue.next()) == 6


def test_at_least_one_is_written_at_a_time() -> None:
    queue = waiting(*[delivered() for _ in range(9)], events=1)
    queue.leave_out()
    assert len(queue.next()) == 1


def test_problems_that_come_too_fast_are_written_at_the_full_rate() -> None:
    problems = [note(Fate.RETRY) for _ in range(9)]
    queue = waiting(delivered(), *problems)
    assert len(queue.leave_out()) == 1
    assert queue.next() == problems[:8]
