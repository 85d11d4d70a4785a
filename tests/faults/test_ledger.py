"""The ledger itself: it must notice each kind of error, or the other tests prove nothing."""

import json
from collections import Counter

from tests.faults.ledger import UNDER_WAY_FOR, UNTOLD_FOR, Ledger
from tests.support import recorded

CAPTURES = [
    recorded.stored(
        recorded.again(recorded.of("order-guest", "sales_order_place_after"), subject=s)
    )
    for s in ("order/1", "order/1", "order/2")
]
FIRST, SECOND, OTHER = (capture.id for capture, _ in CAPTURES)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def ledger(clock: Clock | None = None) -> Ledger:
    made = Ledger(clock or Clock())
    made.hand_over(CAPTURES)
    made.promise(CAPTURES)
    return made


def arrive(ledger: Ledger, *ids: str, is_answered: bool = True) -> None:
    ledger.witness([_entry(number) for number in ids], is_answered)


def _entry(number: str) -> dict[str, str]:
    return {"Detail": json.dumps({"metadata": {"id": number}})}


def test_all_is_well_when_each_came_once_in_order() -> None:
    book = ledger()
    arrive(book, OTHER, FIRST)
    assert book.waiting == 1
    arrive(book, SECOND)
    account = book.account()
    assert account.is_right
    assert str(account) == "3 promised, 3 arrived, 0 dead letters; duplicates: none"


def test_a_loss_is_noticed() -> None:
    book = ledger()
    arrive(book, FIRST, OTHER)
    assert book.account().lost == [SECOND]
    assert not book.account().is_right
    assert "1 LOST" in str(book.account())


def test_what_was_not_promised_may_come_or_not() -> None:
    book = Ledger()
    book.hand_over(CAPTURES)
    arrive(book, FIRST)
    assert book.account().is_right


def test_what_nobody_handed_over_is_noticed() -> None:
    book = ledger()
    arrive(book, FIRST, SECOND, OTHER, "nobody's")
    assert book.account().invented == ["nobody's"]


def test_a_dead_letter_counts_if_the_bus_refused_it_for_good() -> None:
    book = ledger()
    arrive(book, FIRST, SECOND)
    assert book.account([OTHER]).invented == [OTHER]
    book.refused.add(OTHER)
    assert book.account([OTHER]).is_right
    assert book.waiting == 0


def test_the_wrong_order_is_noticed() -> None:
    book = ledger()
    arrive(book, SECOND, OTHER, FIRST)
    assert book.account().out_of_order == [FIRST]
    assert book.account(is_ordered=False).is_right


def test_a_duplicate_comes_after_its_successor_without_harm_to_the_order() -> None:
    book = ledger()
    arrive(book, FIRST, is_answered=False)
    arrive(book, FIRST, SECOND, OTHER)
    arrive(book, OTHER)
    account = book.account()
    assert account.out_of_order == []
    assert account.duplicates == Counter({"whose answer was lost": 1})
    assert account.unexplained == [f"{OTHER} at 100.00 and 100.00"]


def test_a_call_that_stalled_may_be_taken_after_its_repetition() -> None:
    book = ledger()
    arrive(book, FIRST, SECOND, OTHER)
    arrive(book, FIRST, is_answered=False)
    assert book.account().duplicates == Counter({"whose answer was lost": 1})
    arrive(book, FIRST)
    assert len(book.account().unexplained) == 1


def test_a_caller_that_hung_up_after_the_answer_may_not_have_heard_it_unless_it_was_ending() -> (
    None
):
    book = ledger()
    arrive(book, FIRST, SECOND, OTHER)
    book.unheard([_entry(FIRST)])
    book.is_ending = True
    book.unheard([_entry(OTHER)])
    arrive(book, FIRST, OTHER)
    account = book.account()
    assert account.duplicates == Counter({"whose answer was lost": 1})
    assert [text.partition(" ")[0] for text in account.unexplained] == [OTHER]


def test_a_kill_explains_what_was_delivered_just_before_it_and_no_more() -> None:
    clock = Clock()
    book = ledger(clock)
    arrive(book, FIRST)
    clock.now += UNTOLD_FOR + 1
    arrive(book, SECOND)
    book.crash()
    clock.now += UNDER_WAY_FOR + 1
    arrive(book, OTHER, FIRST, SECOND)
    arrive(book, OTHER)
    account = book.account()
    assert account.duplicates == Counter({"in flight at a kill": 1})
    assert account.unexplained == [
        f"{FIRST} at 100.00 and {clock.now:.2f}",
        f"{OTHER} at {clock.now:.2f} and {clock.now:.2f}",
    ]
    assert "kills: " in str(account)


def test_what_was_handed_over_twice_may_come_twice() -> None:
    book = ledger()
    book.hand_over_again(CAPTURES[2:])
    arrive(book, FIRST, SECOND, OTHER, OTHER)
    assert book.account().duplicates == Counter({"handed over twice": 1})
    arrive(book, OTHER)
    assert len(book.account().unexplained) == 1


def test_what_a_server_handed_out_to_two_may_come_twice() -> None:
    clock = Clock()
    book = ledger(clock)
    arrive(book, FIRST)
    clock.now += UNTOLD_FOR + 1
    book.forget_claims()
    arrive(book, FIRST, SECOND, SECOND, OTHER, OTHER, OTHER)
    account = book.account()
    assert account.duplicates == Counter({"with two bridges when the server ended": 2})
    assert [text.partition(" ")[0] for text in account.unexplained] == [FIRST, OTHER]
