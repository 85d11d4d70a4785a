"""Newsletter events: a subscription that began, ended or waits for its confirmation."""

from typing import Annotated, Literal

from pydantic import Field

from magento_eventbridge.events.detail import Identifier, Part, ViewDetail, former, full_only
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent

Status = Literal["SUBSCRIBED", "NOT_ACTIVE", "UNSUBSCRIBED", "UNCONFIRMED"]


class PreviousSubscription(Part):
    """The former values of the fields that changed; only these are present."""

    status: Status | None = former()


class Subscription(ViewDetail):
    """A subscription; link and code to end it only while it is `SUBSCRIBED`."""

    customer_id: Identifier | None
    email: str
    is_subscribed: bool
    status: Status
    unsubscription_link: str = Field("", exclude_if=lambda link: link == "")
    code: str = Field("", exclude_if=lambda code: code == "")
    subscriber_id: Identifier | None = full_only()
    updated_at: str | None = full_only()
    previous: PreviousSubscription | None = full_only()


class NewsletterSubscriptionChanged(EventBridgeEvent[Subscription]):
    """Somebody subscribed to the newsletter or unsubscribed; once for each real change."""

    detail_type: Annotated[Literal["NewsletterSubscriptionChanged"], DETAIL_TYPE]
