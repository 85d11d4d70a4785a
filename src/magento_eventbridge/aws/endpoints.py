"""Where a region's EventBridge answers."""

from functools import cache

from magento_eventbridge.errors import BridgeError


class RegionError(BridgeError, ValueError):
    """No such region."""


@cache
def eventbridge_endpoint(region: str) -> str:
    """Return the URL of EventBridge in a region, China and GovCloud included.

    Raises:
        RegionError: botocore cannot make an endpoint of that name.
    """
    # botocore takes a second to import: only when an endpoint is needed.
    import botocore.session
    from botocore.exceptions import BotoCoreError

    try:
        client = botocore.session.Session().create_client(
            "events",
            region_name=region,
            aws_access_key_id="-",
            aws_secret_access_key="-",  # noqa: S106  never used: nothing is called
        )
    except (BotoCoreError, ValueError) as error:
        raise RegionError(f"region '{region}': {error}") from error
    return str(client.meta.endpoint_url)
