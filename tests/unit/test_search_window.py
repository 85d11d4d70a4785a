"""The lower bound of the search for waiting captures."""

from itertools import pairwise

from magento_eventbridge.queues.mysql.search_window import SearchWindow


def searched(seconds: float = 1.0, last: int = 10_000) -> SearchWindow:
    window = SearchWindow()
    assert window.start(0.0) is None
    window.searched_everything(0.0, seconds, 0)
    window.searched(left=None, last=last, is_all=True)
    return window


def test_after_a_slow_search_only_the_newest_are_searched():
    assert searched().start(1.0) == 9_000


def test_everything_is_searched_again_within_a_minute():
    assert searched(seconds=20).start(39.0) == 9_000
    assert searched(seconds=20).start(41.0) is None


def test_everything_is_searched_at_once_while_that_is_fast():
    assert searched(seconds=0.0002).start(0.011) is None


def test_everything_is_searched_at_once_although_some_searches_were_slow():
    """On a busy machine any search takes a few milliseconds more now and then."""
    window = searched(seconds=0.1)
    assert window.start(0.001) is None
    window.searched_everything(0.1, 0.02, 0)
    assert window.is_repeatable
    assert window.start(0.101) is None


def test_slow_searches_of_everything_end_when_they_have_taken_their_share():
    window = searched(seconds=0.1)
    searches = [0.0]
    for now in range(1, 200):
        if window.start(now) is None:
            searches.append(now)
            window.searched_everything(now, 0.1, 0)
    assert len(searches) <= 200 / 5 + 4
    assert max(after - before for before, after in pairwise(searches)) <= 5
    assert not window.is_repeatable


def test_quick_searches_are_repeated_as_soon_as_they_are_quick_again():
    window = searched(seconds=20)
    window.searched_everything(40.0, 0.001, 0)
    assert window.start(40.001) is None


def test_a_search_that_finds_much_may_take_longer():
    window = SearchWindow()
    window.searched_everything(0.0, 0.014, 1000)
    for now in range(1, 100):
        window.searched_everything(now / 100, 0.014, 1000)
    assert window.start(1.0) is None


def test_unclaimed_captures_are_found_again():
    window = searched()
    window.searched(left=3_000, last=10_000, is_all=True)
    assert window.start(1.0) == 1_999


def test_a_late_commit_does_not_set_the_search_back():
    window = searched()
    window.searched(left=None, last=5, is_all=True)
    assert window.start(1.0) == 9_000


def test_captures_that_a_long_transaction_committed_late_are_noticed():
    window = searched()
    assert window.is_too_narrow([9_001, 10_001])
    # A few ids late, as in any busy shop.
    assert not window.is_too_narrow([9_990, 10_001])
    assert not window.is_too_narrow([10_001])
    assert not window.is_too_narrow([])


def test_a_part_of_a_backlog_is_searched_up_to_its_last():
    window = searched()
    window.searched(left=None, last=2_000, is_all=False)
    assert window.start(1.0) == 1_000


def test_what_is_given_back_is_found_when_it_is_due():
    window = searched()
    window.returned(200, due=5.0)
    assert window.start(4.9) == 9_000
    assert window.start(5.1) == 0
    window = searched()
    window.returned(9_000, due=0.0)
    assert window.start(6.0) == 7_999


def test_everything_is_searched_when_claims_were_released():
    window = searched()
    window.search_everything()
    assert window.start(1.0) is None
