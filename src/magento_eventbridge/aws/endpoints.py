"""Where a region's EventBridge answers."""

from functools import cache

from magento_eventbridge.aws.arns import RegionError, region_of


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


@cache
def custom_bus_endpoint(bus_arn: str) -> str:
    """Return the URL at which the Custom Event Bus with this ARN takes events.

    The host names the account that owns the bus. Source: endpoint rules of `eventbridgev2` in
    AWS's SDKs.

    Raises:
        RegionError: no partition has such regions.
    """
    import botocore.session
    from botocore.endpoint_provider import EndpointProvider
    from botocore.exceptions import BotoCoreError

    session = botocore.session.Session()
    load = session.get_component("data_loader")
    try:
        rules = EndpointProvider(
            load.load_service_model("eventbridgev2", "endpoint-rule-set-1"),
            load.load_data("partitions"),
        )
        found = rules.resolve_endpoint(
            Region=region_of(bus_arn),
            UseFIPS=bool(session.get_config_variable("use_fips_endpoint")),
            UseDualStack=bool(session.get_config_variable("use_dualstack_endpoint")),
            AccountIdEndpointMode=session.get_config_variable("account_id_endpoint_mode"),
            EventBusArn=bus_arn,
        )
    except (BotoCoreError, ValueError) as error:
        raise RegionError(f"{bus_arn}: {error}") from error
    return str(found.url)
