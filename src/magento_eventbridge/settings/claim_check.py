"""Settings of the claim check: where the arrays of large events are stored."""

import re

from pydantic import Field, field_validator

from magento_eventbridge.settings.fields import OptionalText, SettingsGroup

# S3 user guide, "General purpose bucket naming rules".
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class ClaimCheckSettings(SettingsGroup):
    """A bucket in S3 for the largest arrays of events that are too large for the bus."""

    bucket: OptionalText = Field(
        None, description="name of the bucket; empty: events that are too large are dead letters"
    )
    prefix: str = Field(
        "magento-events/", max_length=512, description="how the key of each object begins"
    )
    region: OptionalText = Field(None, description="of the bucket; empty: that of the bus")
    kms_key: OptionalText = Field(
        None,
        description="ID or ARN of the KMS key that encrypts the objects; empty: as the bucket is "
        "set up",
    )
    endpoint_url: OptionalText = Field(None, description="an endpoint of S3 other than AWS's own")

    @field_validator("bucket")
    @classmethod
    def _is_bucket(cls, bucket: str | None) -> str | None:
        if bucket is not None and not _BUCKET.fullmatch(bucket):
            raise ValueError(
                f"'{bucket}' is no name of a bucket: 3 to 63 lower-case letters, digits, dots and "
                "hyphens; give the name, not the ARN"
            )
        return bucket
