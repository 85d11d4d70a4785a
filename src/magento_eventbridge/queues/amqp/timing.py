"""How long the `amqp` queue waits for what."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AmqpTiming:
    """How long the queue waits for what; in seconds.

    Attributes:
        arrives_within: for a message that the broker counts as ready to arrive.
        follows_within: for the next message to follow it.
        checks_every: between two checks for a queue that does not exist yet.
        finds_returned_every: between two checks for returned messages of other bridges.
        checks_returns_every: between two checks of what the queue does with returned messages,
            while that is unknown, or while it drops them.
        checks_again_every: between two such checks afterwards: a policy may change.
        others_test_for: for another bridge that checks, before this one consumes.
        aside_for: how long moved messages stay out of the way.
        aside_retry: until the next try, when messages could not be moved out of the way.
        pause_allowed: until claims must be confirmed, when the process did not run; shorter than
            the broker's patience with a silent client.
        closes_within: for messages that are being published when the queue closes.
        stuck_after: how long messages in hand may wait, when their size leaves room for a few only,
            until more are received.
        silent_for: until a queue that has messages, but sends none to a bridge that holds none, is
            consumed anew.
        renews_after: until a queue that seems to be empty is consumed anew.
        older_within: for older messages, which were copied or moved, to arrive before the queue
            itself is consumed.
        redelivers_within: for a new channel to redeliver messages settled while no channel was
            open.
    """

    arrives_within: float = 1.0
    follows_within: float = 0.01
    checks_every: float = 2.0
    finds_returned_every: float = 10.0
    checks_returns_every: float = 5.0
    checks_again_every: float = 60.0
    others_test_for: float = 5.0
    aside_for: float = 60.0
    aside_retry: float = 5.0
    pause_allowed: float = 15.0
    closes_within: float = 5.0
    stuck_after: float = 2.0
    silent_for: float = 10.0
    renews_after: float = 60.0
    older_within: float = 30.0
    redelivers_within: float = 60.0
