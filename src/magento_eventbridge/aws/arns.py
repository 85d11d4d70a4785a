"""ARNs of whatever partition a region belongs to: `aws`, `aws-cn`, `aws-us-gov`, …"""

from functools import cache

from magento_eventbridge.errors import BridgeError


class RegionError(BridgeError, ValueError):
    """No such region."""


@cache
def partition(region: str) -> str:
    """Return the partition of a region, as `aws-cn` of `cn-north-1`.

    Raises:
        RegionError: no partition has such regions.
    """
    # botocore takes a second to import: only when a region must be looked up.
    import botocore.session
    from botocore.exceptions import BotoCoreError

    try:
        return str(botocore.session.Session().get_partition_for_region(region))
    except (BotoCoreError, ValueError) as error:
        raise RegionError(f"region '{region}': {error}") from None


@cache
def dns_suffix(region: str) -> str:
    """Return the domain of AWS's hosts in a region, as `amazonaws.com.cn` of `cn-north-1`.

    Raises:
        RegionError: no partition has such regions.
    """
    import botocore.session

    name = partition(region)
    partitions = botocore.session.Session().get_data("endpoints")["partitions"]
    return next(str(one["dnsSuffix"]) for one in partitions if one["partition"] == name)


def event_bus_arn(bus: str | None, region: str, account: str) -> str:
    """Return the ARN of an event bus by its name; None is the account's default bus.

    A bus that is named by its ARN has this one, whatever region and account are.

    Raises:
        RegionError: no partition has such regions.
    """
    if bus is not None and bus.startswith("arn:"):
        return bus
    return f"arn:{partition(region)}:events:{region}:{account}:event-bus/{bus or 'default'}"


def service_of(arn: str) -> str:
    """Return the service that an ARN is of, as `sqs`; empty if it is no ARN."""
    parts = arn.split(":", 5)
    return parts[2] if len(parts) == 6 and parts[0] == "arn" else ""


def region_of(arn: str) -> str:
    """Return the region in an ARN; may be empty."""
    return arn.split(":", 5)[3]


def account_of(arn: str) -> str:
    """Return the account in an ARN; may be empty."""
    return arn.split(":", 5)[4]


def name_of(arn: str) -> str:
    """Return the last word of an ARN: the name that people use."""
    return arn.split(":", 5)[5].replace("/", ":").removesuffix(":*").rpartition(":")[2]
