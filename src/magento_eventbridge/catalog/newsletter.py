"""Newsletter events: a subscription that began, ended or waits for its confirmation."""

from typing import Annotated, Literal

from pydantic import Field

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog.detail import Detail, Identifier, Text, named, text
from magento_eventbridge.catalog.event import Event

Status = Literal["SUBSCRIBED", "NOT_ACTIVE", "UNSUBSCRIBED", "UNCONFIRMED"]

# Magento\Newsletter\Model\Subscriber::STATUS_*
_STATUSES: dict[str, Status] = {
    "1": "SUBSCRIBED",
    "2": "NOT_ACTIVE",
    "3": "UNSUBSCRIBED",
    "4": "UNCONFIRMED",
}


class Subscription(Detail):
    """A subscription; link and code to end it only while it is `SUBSCRIBED`."""

    customer_id: Identifier | None
    email: Text
    is_subscribed: bool
    status: Status
    unsubscription_link: Annotated[Text, Field(exclude_if=lambda link: link == "")] = ""
    code: Annotated[Text, Field(exclude_if=lambda code: code == "")] = ""


def _subscription(capture: Capture) -> Subscription:
    subscriber = capture.snapshot
    status = named(_STATUSES, subscriber["subscriber_status"])
    is_subscribed = status == "SUBSCRIBED"
    customer_id = subscriber.get("customer_id")
    return Subscription(
        # Magento writes 0 for a guest.
        customer_id=None if customer_id in (None, "", "0", 0) else customer_id,
        email=subscriber["subscriber_email"],
        is_subscribed=is_subscribed,
        status=status,
        unsubscription_link=text(subscriber.get("unsubscription_link")) if is_subscribed else "",
        code=text(subscriber.get("subscriber_confirm_code")) if is_subscribed else "",
    )


def _status_changed(capture: Capture) -> bool:
    former = capture.original.get("subscriber_status")
    return capture.is_new or (
        former is not None and str(former) != str(capture.snapshot.get("subscriber_status"))
    )


EVENTS = (
    Event(
        detail_type="NewsletterSubscriptionChanged",
        config_path="aws_eventbridge/events_newsletter/subscription_changed",
        magento_events=("newsletter_subscriber_save_after",),
        when="Somebody subscribed to the newsletter or unsubscribed; once for each real change.",
        detail=Subscription,
        translate=_subscription,
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
