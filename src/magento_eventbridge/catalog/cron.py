"""Cron events: a job started, finished, failed."""

from typing import Any

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.catalog.snapshot import Json, number_or_null, text, text_or_null
from magento_eventbridge.events.cron import CronJob

# No Magento event reports how a job ended: the agent sees the model Magento\Cron\Model\Schedule
# being saved with its last status.
_SAVED = "plugin:cron_schedule.save"


def _job(capture: Capture) -> Json:
    job = capture.snapshot
    config = job.get("job_config") or {}
    if not isinstance(config, dict):
        raise ValueError("job_config: should be an object")  # noqa: TRY004
    return {
        "code": text(job, "job_code"),
        "groupId": text(job, "group_id", None),
        "jobConfig": config,
        "duration": number_or_null(job, "duration"),
        "error": text_or_null(job, "messages") if _failed(capture) else None,
    }


def _succeeded(capture: Capture) -> bool:
    return capture.snapshot.get("status") == "success"


def _failed(capture: Capture) -> bool:
    # Magento could not run a missed job in its time: a failure, though it never started.
    return capture.snapshot.get("status") in ("error", "missed")


_JOB: dict[str, Any] = {
    "code": "sales_clean_quotes",
    "groupId": "default",
    "jobConfig": {
        "name": "sales_clean_quotes",
        "instance": "Magento\\Sales\\Cron\\CleanExpiredQuotes",
        "method": "execute",
        "schedule": "0 0 * * *",
    },
    "duration": None,
    "error": None,
}

EVENTS = (
    EventDefinition(
        detail_type="CronStarted",
        config_path="aws_eventbridge/events_cron/started",
        magento_events=("cron_job_run",),
        detail=CronJob,
        translate=_job,
        sample=_JOB,
    ),
    EventDefinition(
        detail_type="CronFinishedSuccess",
        config_path="aws_eventbridge/events_cron/finished_success",
        magento_events=(_SAVED,),
        detail=CronJob,
        translate=_job,
        applies=_succeeded,
        sample=_JOB | {"duration": 0.25},
    ),
    EventDefinition(
        detail_type="CronFinishedError",
        config_path="aws_eventbridge/events_cron/finished_error",
        magento_events=(_SAVED,),
        detail=CronJob,
        translate=_job,
        applies=_failed,
        sample=_JOB | {"duration": 0.25, "error": "Something went wrong"},
    ),
)
