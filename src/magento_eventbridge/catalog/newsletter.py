"""Newsletter events: a subscription that began, ended or waits for its confirmation."""

from collections.abc import Mapping
from typing import Any

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import full
from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.catalog.snapshot import Json, identifier, named, text
from magento_eventbridge.events.newsletter import Status, Subscription

# Magento\Newsletter\Model\Subscriber::STATUS_*
_STATUSES: dict[str, Status] = {
    "1": "SUBSCRIBED",
    "2": "NOT_ACTIVE",
    "3": "UNSUBSCRIBED",
    "4": "UNCONFIRMED",
}


def _subscription(capture: Capture) -> Json:
    subscriber = capture.snapshot
    status = named(_STATUSES, subscriber, "subscriber_status")
    is_guest = subscriber.get("customer_id") in (None, "", "0", 0)
    subscription = {
        "customerId": None if is_guest else identifier(subscriber, "customer_id"),
        "email": text(subscriber, "subscriber_email"),
        "isSubscribed": status == "SUBSCRIBED",
        "status": status,
    }
    if status == "SUBSCRIBED":
        subscription["unsubscriptionLink"] = text(subscriber, "unsubscription_link", None)
        subscription["code"] = text(subscriber, "subscriber_confirm_code", None)
    return subscription


def _status(source: Mapping[str, Any], key: str) -> Status | None:
    return full.named(_STATUSES, source, key)


def _full(capture: Capture) -> Json:
    subscriber = capture.snapshot
    return {
        **full.view(capture),
        "subscriberId": full.identifier(subscriber, "subscriber_id"),
        "updatedAt": full.time(subscriber, "change_status_at"),
        "previous": full.previous(capture, {"subscriber_status": ("status", _status)}),
    }


def _status_changed(capture: Capture) -> bool:
    former = capture.original.get("subscriber_status")
    return capture.is_new or (
        former is not None and str(former) != str(capture.snapshot.get("subscriber_status"))
    )


EVENTS = (
    EventDefinition(
        detail_type="NewsletterSubscriptionChanged",
        config_path="aws_eventbridge/events_newsletter/subscription_changed",
        magento_events=("newsletter_subscriber_save_after",),
        detail=Subscription,
        translate=_subscription,
        add_full=_full,
        full_sample={
            **full.SAMPLE_VIEW,
            "subscriberId": 3,
            "updatedAt": "2020-08-26T10:49:36Z",
            "previous": {"status": "UNSUBSCRIBED"},
        },
        applies=_status_changed,
        sample={
            "customerId": 1,
            "email": "test@example.com",
            "isSubscribed": True,
            "status": "SUBSCRIBED",
            "unsubscriptionLink": "https://shop.example.com/newsletter/subscriber/unsubscribe"
            "/id/1/code/1234/",
            "code": "1234",
        },
    ),
)
