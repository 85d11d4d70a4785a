"""The URLs of EventBridge, and the certificates to trust there."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from magento_eventbridge.aws.arns import RegionError, partition, region_of
from magento_eventbridge.errors import BridgeError
from magento_eventbridge.install_hints import add_extra


class EndpointError(BridgeError):
    """The global endpoint cannot be used from here; the message says what to change."""


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
    from botocore.exceptions import BotoCoreError

    try:
        session = botocore.session.Session(profile=profile)
        return _called_url(session, region, lambda client: client.list_event_buses())
    except (BotoCoreError, ValueError) as error:
        raise RegionError(f"region '{region}': {error}") from error


@cache
def global_endpoint(endpoint_id: str, region: str, profile: str | None = None) -> str:
    """Return the URL of a global endpoint, as `https://abcde.veo.endpoint.events.amazonaws.com`.

    Args:
        region: its partition is that of the endpoint.

    Raises:
        RegionError: no partition has such regions.
        EndpointError: awscrt is not installed, FIPS endpoints are demanded, or no such host can be.
    """
    partition(region)
    try:
        import awscrt.auth  # noqa: F401
    except ImportError:
        raise EndpointError(
            f"options.endpoint_id needs awscrt, which signs for several regions: "
            f"{add_extra('global-endpoints')}"
        ) from None
    import botocore.session
    from botocore.exceptions import BotoCoreError

    try:
        session = botocore.session.Session(profile=profile)
        # For GovCloud, botocore would call the regional endpoint without a word.
        if session.get_config_variable("use_fips_endpoint"):
            raise EndpointError(
                f"global endpoint {endpoint_id}: AWS has no FIPS endpoint for it; unset "
                "AWS_USE_FIPS_ENDPOINT (use_fips_endpoint in the AWS config file) or "
                "options.endpoint_id"
            )
        return _called_url(
            session,
            region,
            lambda client: client.put_events(Entries=[{"Source": "-"}], EndpointId=endpoint_id),
        )
    except (BotoCoreError, ValueError) as error:
        raise EndpointError(f"global endpoint {endpoint_id}: {error}") from error


def _called_url(session: Any, region: str, call: Callable[[Any], object]) -> str:
    """Return the URL that botocore's client of EventBridge calls; nothing is sent."""
    from botocore.awsrequest import AWSResponse

    urls: list[str] = []

    def answer(params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        urls.append(params["url"])
        return AWSResponse(params["url"], 200, {}, None), {}

    client = session.create_client(
        "events",
        region_name=region,
        aws_access_key_id="-",
        aws_secret_access_key="-",  # noqa: S106  never used: nothing is sent
    )
    # The client's own `meta.endpoint_url` is another one than it calls in some partitions.
    client.meta.events.register("before-call.events", answer)
    call(client)
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
