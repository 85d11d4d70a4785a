"""`iam`: print the permissions that the bridge needs."""

from dataclasses import replace
from enum import StrEnum
from functools import cache
from typing import Annotated, Any

import typer

from magento_eventbridge.aws.arns import RegionError, account_of, partition
from magento_eventbridge.aws.clients import AwsError, Clients
from magento_eventbridge.aws.credentials import CredentialsError
from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, settings_of
from magento_eventbridge.cli.output import note, out, show_json
from magento_eventbridge.declarations.current import CurrentCatalog
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.provisioning import bus_policy, iam
from magento_eventbridge.settings.model import Settings

app = typer.Typer(help="Show the permissions that the bridge needs.", no_args_is_help=True)


class PolicyFormat(StrEnum):
    """The formats of a policy."""

    JSON = "json"
    TERRAFORM = "terraform"
    CLOUDFORMATION = "cloudformation"


@app.callback()
def _group() -> None:
    """Make `policy` a subcommand, although it is the only one."""


@app.command(
    "policy", epilog="Example: magento-eventbridge iam policy --format terraform > policy.tf"
)
def policy(
    style: Annotated[
        PolicyFormat, typer.Option("--format", help="Format of the policy.")
    ] = PolicyFormat.JSON,
    by_detail_type: Annotated[
        bool,
        typer.Option("--detail-types", help="Allow only the detail-types that are switched on."),
    ] = False,
    account: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER",
            help="Account of the buses; else, for JSON, that of the credentials, which AWS is "
            "asked for.",
        ),
    ] = None,
    for_bus: Annotated[
        bool,
        typer.Option(
            "--for-bus",
            help="Print the policies of the buses instead: what their owner must allow a bridge "
            "in another account.",
        ),
    ] = False,
    principal: Annotated[
        str | None,
        typer.Option(
            metavar="ARN|NUMBER",
            help="With --for-bus: the bridge's role or account; else the role in the settings, or "
            "the account of the credentials.",
        ),
    ] = None,
    kms_key: Annotated[
        str | None,
        typer.Option(
            metavar="ARN",
            help="The key that encrypts the buses; with --for-bus: print the statements for it.",
        ),
    ] = None,
    secondary_region: Annotated[
        str | None,
        typer.Option(
            metavar="REGION",
            help="The secondary region of the global endpoints (options.endpoint_id); else their "
            "buses are allowed in any region.",
        ),
    ] = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
) -> None:
    """Print the least policy for the present settings of all store views."""
    if principal is not None and not for_bus:
        raise typer.BadParameter("--principal is for --for-bus")
    if kms_key is not None and not kms_key.startswith("arn:"):
        raise typer.BadParameter(f"--kms-key {kms_key}: must be the key's ARN")
    if account is not None and not (account.isascii() and account.isdigit() and len(account) == 12):
        raise typer.BadParameter(f"--account {account}: an account number has 12 digits")
    settings, _ = settings_of(config, overrides, magento_root)
    catalog = CurrentCatalog(settings).catalog
    views = (settings, *settings.stores.values())
    routes = [replace(view.route(), catalog=catalog) for view in views]
    roles = sorted({r.destination.credentials.role_arn or "" for r in routes} - {""})

    @cache
    def number(destination: Destination) -> str:
        role = destination.credentials.role_arn
        if account or role:
            return account or account_of(role or "")
        is_placed_later = style is not PolicyFormat.JSON and not for_bus
        return iam.ACCOUNT if is_placed_later else _asked(destination)

    has_endpoint = any(route.destination.endpoint_id for route in routes)
    if secondary_region is not None:
        _check_secondary(secondary_region, [route.destination for route in routes])
    elif has_endpoint and for_bus:
        raise typer.BadParameter(
            "each bus has its own policy: name the secondary region of the global endpoint with "
            "--secondary-region"
        )
    allowed = iam.grants(
        routes, number, by_detail_type=by_detail_type, secondary_region=secondary_region
    )
    if for_bus:
        who = principal or (roles[0] if roles else _asked(routes[0].destination))
        _show_bus_policies(allowed, who, kms_key, style)
        return
    more = _claim_check(settings)
    if topic := settings.notifications.sns_topic:
        more.append(iam.notifications_statement(topic))
    if has_endpoint:
        more.append(iam.endpoints_statement())
    if kms_key and any(iam.is_custom(grant.bus) for grant in allowed):
        more.append(iam.encrypted_bus_statement(kms_key))
    _show_policies(iam.policies(allowed, more), style)
    for role in roles:
        note(
            f"the policy belongs to {role}; who assumes it needs sts:AssumeRole on it, and its "
            "trust policy must name them"
        )


def _show_policies(documents: list[dict[str, Any]], style: PolicyFormat) -> None:
    match style:
        case PolicyFormat.JSON:
            show_json(documents[0] if len(documents) == 1 else documents)
        case PolicyFormat.TERRAFORM:
            out.print(iam.as_terraform(documents), end="")
        case PolicyFormat.CLOUDFORMATION:
            out.print(iam.as_cloudformation(documents), end="")
    if len(documents) > 1:
        note(
            f"{len(documents)} policies, because a managed policy may have {iam.LONGEST_POLICY} "
            "characters: attach all of them"
        )
    if len(documents) > iam.MOST_POLICIES:
        note(
            f"a role takes {iam.MOST_POLICIES} managed policies unless AWS raises that quota: "
            "print them without --detail-types, or use one role for each bus"
        )


def _check_secondary(region: str, destinations: list[Destination]) -> None:
    """Check that a region can be the secondary one of the global endpoints."""
    primary = {where.region for where in destinations if where.endpoint_id}
    if not primary:
        raise typer.BadParameter("--secondary-region is for global endpoints (options.endpoint_id)")
    if region in primary:
        raise typer.BadParameter(f"--secondary-region {region}: that is the primary region")
    try:
        own = partition(region)
    except RegionError as error:
        raise typer.BadParameter(f"--secondary-region: {error}") from None
    for other in primary:
        if own != partition(other):
            raise typer.BadParameter(
                f"--secondary-region {region}: not in the partition of {other}"
            )


def _show_bus_policies(
    allowed: list[iam.Grant], principal: str, kms_key: str | None, style: PolicyFormat
) -> None:
    policies = bus_policy.bus_policies(allowed, principal)
    key = bus_policy.key_statements(policies, principal) if kms_key else []
    match style:
        case PolicyFormat.JSON:
            show_json(bus_policy.as_json(policies, key))
        case PolicyFormat.TERRAFORM:
            out.print(bus_policy.as_terraform(policies, key), end="")
        case PolicyFormat.CLOUDFORMATION:
            out.print(bus_policy.as_cloudformation(policies, key), end="")
    for bus, length, quota in bus_policy.too_long(policies):
        note(
            f"AWS refuses the policy of {bus}: it has {length} characters, the quota is {quota}. "
            "Print it without --detail-types, or ask AWS to raise the quota of the bus's account"
        )
    if not bus_policy.foreign(policies, principal):
        note(
            "the buses are in the bridge's own account: it needs no policy of the buses, only its "
            "own ('iam policy')"
        )
    note("each policy is the whole policy of its bus: add its other statements, if it has any")


def _claim_check(settings: Settings) -> list[dict[str, Any]]:
    """Return the statements for the bucket of large events, if there is one."""
    about = settings.claim_check
    if not about.bucket:
        return []
    key = about.kms_key
    if key and not key.startswith("arn:"):
        note(f"add kms:GenerateDataKey on the key {key}: only its ARN can stand in a policy")
        key = None
    where = partition(about.region or settings.options.region)
    return iam.claim_check_statements(about.bucket, about.prefix, where, key)


def _asked(destination: Destination) -> str:
    try:
        return Clients(destination).account()
    except (AwsError, CredentialsError) as error:
        raise typer.BadParameter(
            f"the account of {destination} is not known; give it with --account ({error})"
        ) from None
