"""The event as EventBridge hands it to its targets, with a detail of one type."""

from typing import Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from magento_eventbridge.events.detail import Detail

DetailT = TypeVar("DetailT", bound=Detail)

DETAIL_TYPE = Field(alias="detail-type")


class EventBridgeEvent(BaseModel, Generic[DetailT]):
    """What a rule's target gets, when the rule neither picks a part nor transforms the input.

    `id` is EventBridge's own and another one each time an event is put on the bus; deduplicate by
    `detail.metadata.id`. Source: EventBridge user guide, "EventBridge event structure".

    Attributes:
        account: the AWS account that the event was sent from, twelve digits.
        time: the moment of capture.
        source: the shop, as its bridge is set to name it.
        replay_name: the replay that the event is part of, when it comes from an archive.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    version: str
    id: str
    detail_type: str = DETAIL_TYPE
    source: str
    account: str
    time: AwareDatetime
    region: str
    resources: list[str]
    detail: DetailT
    replay_name: str | None = Field(None, alias="replay-name", exclude_if=lambda name: name is None)
