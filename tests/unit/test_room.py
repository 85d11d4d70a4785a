"""How many messages a bridge holds of a queue of RabbitMQ: by their sizes and by what it uses."""

from magento_eventbridge.queues.amqp.room import Room


def filled(room: Room, size: int, turns: int = 12) -> int:
    """Let messages of one size fill the room so many times; return how much there is then."""
    for _ in range(turns):
        room.arrived(size)
        room.adapt(room.size, 0.0, is_full=True)
    return room.size


def test_room_for_small_messages_grows_to_the_limit() -> None:
    assert filled(Room(1000), 16_000) == 1000


def test_few_large_messages_are_held() -> None:
    assert filled(Room(1000), 1_000_000) == 16
    assert filled(Room(1000), 100_000_000) == 2


def test_large_messages_reduce_the_room_at_once_and_small_ones_bring_it_back() -> None:
    room = Room(1000)
    filled(room, 5_000)
    assert filled(room, 2_000_000, turns=1) == 8
    assert filled(room, 5_000, turns=30) == 1000


def test_a_low_limit_is_used_from_the_start() -> None:
    assert Room(20).size == 20
    assert filled(Room(20), 10_000_000) == 20


def test_messages_that_wait_make_room_for_others_until_they_are_settled() -> None:
    room = Room(1000)
    filled(room, 4_000_000)
    assert room.size == 4
    room.adapt(4, 0.0, is_full=True, is_stuck=True)
    assert room.size == 8
    room.adapt(8, 0.0, is_full=True)
    assert room.size == 8
    room.adapt(1, 0.0, is_full=False)
    assert room.size == 4


def test_room_that_is_not_used_is_given_up() -> None:
    room = Room(1000)
    filled(room, 1_000)
    for seconds in range(0, 300, 10):
        room.adapt(1, float(seconds), is_full=False)
    assert room.size < 10
