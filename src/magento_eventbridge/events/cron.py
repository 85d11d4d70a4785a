"""Cron events: a job started, finished, failed."""

from typing import Annotated, Literal

from pydantic import JsonValue

from magento_eventbridge.events.detail import Detail, Number
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent


class CronJob(Detail):
    """A run of a cron job; `duration` in seconds once it is over, `error` why it failed."""

    code: str
    group_id: str
    job_config: dict[str, JsonValue]
    duration: Number | None
    error: str | None


class CronStarted(EventBridgeEvent[CronJob]):
    """A cron job started."""

    detail_type: Annotated[Literal["CronStarted"], DETAIL_TYPE]


class CronFinishedSuccess(EventBridgeEvent[CronJob]):
    """A cron job finished."""

    detail_type: Annotated[Literal["CronFinishedSuccess"], DETAIL_TYPE]


class CronFinishedError(EventBridgeEvent[CronJob]):
    """A cron job failed, or Magento missed the time to run it."""

    detail_type: Annotated[Literal["CronFinishedError"], DETAIL_TYPE]
