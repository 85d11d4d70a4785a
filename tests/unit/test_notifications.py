"""Notifications: what a message says, and when which one is sent."""

import pytest

from magento_eventbridge.bridge.notifying import channels_of
from magento_eventbridge.notifications.digest import Digest, DigestTimes
from magento_eventbridge.notifications.message import Message, Problem
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.layers import Layer, load
from magento_eventbridge.settings.notifications import CHANNELS

PACE = DigestTimes(group=30, pause=300, settle=60, repeat=86_400)


def parked(name: str = "shop", text: str = "refuses") -> Problem:
    return Problem("parked", f"parked {name}", f"bus '{name}' {text}", "Run doctor.")


def buried(count: int) -> Problem:
    return Problem("dead letters", "dead letters outbox", f"{count} new", is_lasting=False)


def sent(digest: Digest, at: float, *problems: Problem) -> Message | None:
    return digest.next_message(problems, at)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
def test_each_channel_is_switched_on_by_one_setting():
    values = {
        "email_to": "ada@example.com",
        "slack_url": "https://hooks.example.com/x",
        "webhook_url": "https://example.com/x",
        "sns_topic": "arn:aws:sns:eu-west-1:123456789012:on-call",
        "apprise_urls": "json://127.0.0.1:1",
    }
    assert set(values) == set(CHANNELS.values())
    for name, setting in CHANNELS.items():
        settings, _ = load([Layer("a file", {"notifications": {setting: values[setting]}})])
        assert [channel.name for channel in channels_of(settings)] == [name]


# When


def test_problems_that_come_together_are_one_message():
    digest = Digest("web-1", PACE)
    assert sent(digest, 0, parked("a")) is None
    assert sent(digest, 10, parked("a"), parked("b")) is None
    message = sent(digest, 30, parked("a"), parked("b"))
    assert message is not None
    assert [problem.key for problem in message.new] == ["parked a", "parked b"]


def test_a_problem_that_ends_before_it_was_sent_is_not_mentioned():
    digest = Digest("web-1", PACE)
    sent(digest, 0, parked("a"))
    assert sent(digest, 20) is None
    assert sent(digest, 40) is None
    # The wait begins again with the next problem.
    assert sent(digest, 50, parked("b")) is None
    assert sent(digest, 79, parked("b")) is None
    assert sent(digest, 80, parked("b")) is not None


def test_a_hundred_problems_are_a_few_messages():
    digest = Digest("web-1", PACE)
    messages = []
    for second in range(1000):
        present = [parked(str(number)) for number in range(second // 10 + 1)]
        if message := sent(digest, second, *present):
            messages.append(message)
    assert len(messages) == 4
    assert sum(len(message.new) for message in messages) >= 90


def test_a_problem_is_sent_once_and_repeated_each_day_while_it_lasts():
    digest = Digest("web-1", PACE)
    messages = [
        message
        for minute in range(3 * 24 * 60)
        if (message := sent(digest, minute * 60, parked("a")))
    ]
    assert [bool(message.new) for message in messages] == [True, False, False]
    assert messages[1].remaining == (parked("a"),)
    assert messages[1].subject == "[magento-eventbridge] Still: bus 'a' refuses (web-1)"


def test_a_recovery_is_reported_when_it_has_lasted():
    digest = Digest("web-1", PACE)
    sent(digest, 0, parked("a"))
    assert sent(digest, 30, parked("a")) is not None
    assert sent(digest, 100) is None  # over for the first time
    assert sent(digest, 150, parked("a")) is None  # and back
    assert sent(digest, 400) is None
    message = sent(digest, 460)
    assert message is not None
    assert message.recovered == (parked("a"),)
    assert message.subject == "[magento-eventbridge] Recovered: bus 'a' refuses (web-1)"
    assert "No problem is left." in message.text
    assert sent(digest, 100_000) is None


def test_a_recovery_names_what_is_left():
    digest = Digest("web-1", PACE)
    sent(digest, 0, parked("a"), parked("b"))
    sent(digest, 30, parked("a"), parked("b"))
    sent(digest, 400, parked("b"))
    message = sent(digest, 460, parked("b"))
    assert message is not None
    assert (message.recovered, message.remaining) == ((parked("a"),), (parked("b"),))
    assert "No problem is left" not in message.text


def test_what_happened_once_does_not_recover_and_grows_while_it_waits():
    digest = Digest("web-1", PACE)
    sent(digest, 0, buried(1))
    sent(digest, 10, buried(12))
    message = sent(digest, 31, buried(12))
    assert message is not None
    assert message.new == (buried(12),)
    assert sent(digest, 1000) is None
    # What has happened stays to be reported although it is not seen again.
    sent(digest, 1100, buried(2))
    message = sent(digest, 1140)
    assert message is not None
    assert message.new == (buried(2),)


def test_a_changed_reason_is_no_new_problem():
    digest = Digest("web-1", PACE)
    sent(digest, 0, parked("a", "refuses: AccessDenied"))
    sent(digest, 30, parked("a", "refuses: AccessDenied"))
    assert sent(digest, 1000, parked("a", "refuses: ExpiredToken")) is None


def test_problems_during_the_pause_are_in_the_next_message():
    digest = Digest("web-1", PACE)
    sent(digest, 0, parked("a"))
    sent(digest, 30, parked("a"))
    assert sent(digest, 40, parked("a"), parked("b")) is None
    assert sent(digest, 329, parked("a"), parked("b")) is None
    message = sent(digest, 330, parked("a"), parked("b"))
    assert message is not None
    assert (message.new, message.remaining) == ((parked("b"),), (parked("a"),))


# What


def test_a_message_says_what_is_wrong_and_what_to_do():
    message = Message("shop on web-1", (parked("a"), buried(3)), (parked("b"),), (parked("c"),))
    assert message.subject == "[magento-eventbridge] bus 'a' refuses and 1 more (shop on web-1)"
    assert message.text == (
        "New problems:\n- bus 'a' refuses Run doctor.\n- 3 new\n\n"
        "Recovered:\n- bus 'b' refuses\n\n"
        "Still not solved:\n- bus 'c' refuses Run doctor."
    )
    assert message.as_json()["problems"][0] == {
        "kind": "parked",
        "text": "bus 'a' refuses",
        "remedy": "Run doctor.",
    }


def test_foreign_text_cannot_forge_lines_or_headers():
    hostile = parked(text="x\r\nBcc: all@example.com\n\x1b[31m\u202e" + "y" * 5000)
    message = Message("web-1", (hostile,))
    assert "\n" not in message.subject
    assert "\x1b" not in message.text
    assert "\u202e" not in message.text
    assert len(message.text) < 700
    assert len(message.text.splitlines()) == 2


def test_a_long_list_is_cut():
    message = Message("web-1", tuple(parked(str(number)) for number in range(50)))
    assert "- and 30 more" in message.text


def test_several_recoveries_are_counted():
    message = Message("web-1", recovered=(parked("a"), parked("b")))
    assert message.subject == "[magento-eventbridge] Recovered: bus 'a' refuses and 1 more (web-1)"


# Settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"slack_url": "hooks.example.com"}, "must begin with http:// or https://"),
        ({"webhook_url": "https://"}, "must begin with http:// or https://"),
        ({"sns_topic": "on-call"}, "must be the ARN of a topic"),
        ({"email_to": "ops@example.com nobody"}, "'nobody' is no e-mail address"),
        ({"email_from": "x"}, "'x' is no e-mail address"),
        ({"smtp_tls": "maybe"}, "must be 'starttls', 'tls' or 'none'"),
    ],
)
def test_wrong_settings_are_refused_without_showing_secrets(values, message):
    with pytest.raises(SettingsError) as caught:
        load([Layer("a file", {"notifications": values})])
    assert message in str(caught.value)
    assert "hooks.example.com" not in str(caught.value)
