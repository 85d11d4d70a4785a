"""The URLs of EventBridge, and the certificates to trust there."""

import os
from functools import cache
from typing import Any

from magento_eventbridge.aws.arns import RegionError, region_of


@cache
def eventbridge_endpoint(region: str, profile: str | None = None) -> str:
    """Return the URL of EventBridge in a region of any partition.

    AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT, AWS_ENDPOINT_URL and their settings in the
    AWS config file apply, as in AWS's own tools.

    Raises:
        RegionError: there is no endpoint of that kind in the region.
    """
    # botocore takes a second to import: only when an endpoint is needed.
    import botocore.session
    from botocore.awsrequest import AWSResponse
    from botocore.exceptions import BotoCoreError

    urls: list[str] = []

    def answer(params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        urls.append(params["url"])
        return AWSResponse(params["url"], 200, {}, None), {}

    try:
        client = botocore.session.Session(profile=profile).create_client(
            "events",
            region_name=region,
            aws_access_key_id="-",
            aws_secret_access_key="-",  # noqa: S106  never used: nothing is sent
        )
        # The client's own `meta.endpoint_url` is another one than it calls in some partitions.
        client.meta.events.register("before-call.events", answer)
        client.list_event_buses()
    except (BotoCoreError, ValueError) as error:
        raise RegionError(f"region '{region}': {error}") from error
    return urls[0].rstrip("/")


@cache
def ca_bundle(profile: str | None = None) -> str | None:
    """Return the file with the certificates to trust, in the order of AWS's tools.

    AWS_CA_BUNDLE, `ca_bundle` in the AWS config file, REQUESTS_CA_BUNDLE; None: the system's.
    """
    import botocore.session
    from botocore.exceptions import BotoCoreError

    try:
        bundle = botocore.session.Session(profile=profile).get_config_variable("ca_bundle")
    except BotoCoreError:
        bundle = None  # a broken config file is reported with the credentials
    return bundle or os.environ.get("REQUESTS_CA_BUNDLE") or None


@cache
def custom_bus_endpoint(bus_arn: str, profile: str | None = None) -> str:
    """Return the URL at which the Custom Event Bus with this ARN accepts events.

    The host names the account that owns the bus. Source: endpoint rules of `eventbridgev2` in
    AWS's SDKs.

    Raises:
        RegionError: no partition has such regions.
    """
    import botocore.session
    from botocore.endpoint_provider import EndpointProvider
    from botocore.exceptions import BotoCoreError

    session = botocore.session.Session(profile=profile)
    load = session.get_component("data_loader")
    try:
        rules = EndpointProvider(
            load.load_service_model("eventbridgev2", "endpoint-rule-set-1"),
            load.load_data("partitions"),
        )
        endpoint = rules.resolve_endpoint(
            Region=region_of(bus_arn),
            UseFIPS=bool(session.get_config_variable("use_fips_endpoint")),
            UseDualStack=bool(session.get_config_variable("use_dualstack_endpoint")),
            AccountIdEndpointMode=session.get_config_variable("account_id_endpoint_mode"),
            EventBusArn=bus_arn,
        )
    except (BotoCoreError, ValueError) as error:
        raise RegionError(f"{bus_arn}: {error}") from error
    return str(endpoint.url)
