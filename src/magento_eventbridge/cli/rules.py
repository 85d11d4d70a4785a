"""`rules`: event patterns and rules for consumers of the events."""

import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from magento_eventbridge.aws.arns import account_of, service_of
from magento_eventbridge.aws.clients import AwsError, Clients
from magento_eventbridge.aws.credentials import CredentialsError
from magento_eventbridge.catalog.declared import ShopCatalog
from magento_eventbridge.catalog.event import DetailLevel
from magento_eventbridge.cli.aws_changes import make
from magento_eventbridge.cli.options import (
    Config,
    MagentoRoot,
    Overrides,
    no_such_event,
    settings_of,
    view_of,
)
from magento_eventbridge.cli.output import AsJson, note, out, show_json, table
from magento_eventbridge.cli.samples import SampleError, read_events, sample_event
from magento_eventbridge.declarations.current import CurrentCatalog
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.errors import cause
from magento_eventbridge.provisioning import patterns, rule_code, subscriber_code, subscribers
from magento_eventbridge.provisioning.matching import (
    MatcherMissingError,
    matches_at_aws,
    matches_here,
)
from magento_eventbridge.provisioning.patterns import Known, PatternError
from magento_eventbridge.provisioning.rules import (
    ExistingRule,
    Rule,
    changes,
    deletion,
    rules_of,
)
from magento_eventbridge.provisioning.subscribers import BusSubscription
from magento_eventbridge.provisioning.targets import Target, TargetError, TargetOptions
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.settings.view import ViewSettings

app = typer.Typer(help="Create, test, put and list rules.", no_args_is_help=True)


class RuleFormat(StrEnum):
    """The kinds of infrastructure code."""

    CLOUDFORMATION = "cloudformation"
    TERRAFORM = "terraform"
    SAM = "sam"
    CDK = "cdk"


_WRITERS = {
    RuleFormat.CLOUDFORMATION: rule_code.as_cloudformation,
    RuleFormat.TERRAFORM: rule_code.as_terraform,
    RuleFormat.SAM: rule_code.as_sam,
    RuleFormat.CDK: rule_code.as_cdk,
}
_SUBSCRIBER_WRITERS = {
    RuleFormat.CLOUDFORMATION: subscriber_code.as_cloudformation,
    RuleFormat.TERRAFORM: subscriber_code.as_terraform,
    RuleFormat.SAM: subscriber_code.as_sam,
    RuleFormat.CDK: subscriber_code.as_cdk,
}

DetailTypes = Annotated[
    list[str] | None, typer.Argument(metavar="DETAIL_TYPE", help="As OrderPlaced.")
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--detail",
        metavar="FILTER",
        help="A condition on a field of the detail: sku=A equal, != anything but, ^= prefix, "
        "!^= anything but the prefix, $= suffix, ~= wildcard, > >= < <= numeric, coupon? exists, "
        "coupon!? does not. May be repeated; of several conditions on one field, one must hold.",
    ),
]
AnyOf = Annotated[
    list[str] | None,
    typer.Option(
        "--or", metavar="FILTER", help="A filter of which only one must hold; give several."
    ),
]
Store = Annotated[
    int | None,
    typer.Option(
        "--store", min=0, help="A store view's id, for its source and bus; by default all sources."
    ),
]
PatternFile = Annotated[
    str | None,
    typer.Option(
        "--pattern",
        metavar="FILE",
        help="A pattern in a file, or as JSON; replaces the other options.",
    ),
]


@app.command(
    "pattern",
    epilog="Example: magento-eventbridge rules pattern CartProductAdded CartProductUpdated "
    "--detail sku=WJ12-S-Blue",
)
def pattern(
    detail_types: DetailTypes = None,
    filters: Filters = None,
    any_of: AnyOf = None,
    store: Store = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
) -> None:
    """Print the event pattern of some events, checked against their schemas."""
    settings, _ = settings_of(config, overrides, magento_root)
    show_json(_pattern(_views(settings, store), _catalog(settings), detail_types, filters, any_of))


@app.command(
    "test", epilog="Example: magento-eventbridge rules test pattern.json OrderPlaced event.json"
)
def test(
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="A file, or JSON.")],
    events: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EVENT",
            help="Detail-types, for their samples, and files with an event or with captures; "
            "else the samples of all events.",
        ),
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Do not ask AWS.")] = False,
    store: Store = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Print which events a pattern matches; exit 1 when it matches none."""
    settings, _ = settings_of(config, overrides, magento_root)
    views = _views(settings, store)
    catalog = _catalog(settings)
    route = replace(views[0].route(), catalog=catalog)
    wanted = _checked(pattern, views, catalog)
    try:
        result = [
            (name, event)
            for given in events or list(catalog.by_name)
            for name, event in (
                [(given, sample_event(given, route))]
                if given in catalog.by_name
                else read_events(Path(given), route)
            )
        ]
    except SampleError as error:
        raise typer.BadParameter(str(error)) from None
    matcher, matched = _matched(
        wanted, result, None if local else Clients(views[0].route().destination)
    )
    if as_json:
        show_json(
            {
                "matcher": matcher,
                "events": [
                    {"event": name, "matches": m}
                    for (name, _), m in zip(result, matched, strict=True)
                ],
            }
        )
    else:
        for (name, _), is_match in zip(result, matched, strict=True):
            out.print(f"{'match   ' if is_match else 'no match'}  {name}")
        out.print(f"\n{sum(matched)} of {len(matched)} match, by {matcher}")
    if not any(matched):
        raise typer.Exit(1)


@app.command(
    "put",
    epilog="Example: magento-eventbridge rules put orders OrderPlaced "
    "--target arn:aws:sqs:eu-west-1:123456789012:orders --dry-run",
)
def put(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The rule's name.")],
    detail_types: DetailTypes = None,
    targets: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="ARN",
            help="Queue, topic, function, log group, state machine, Kinesis or Firehose stream, "
            "API destination, event bus or ECS cluster; may be repeated.",
        ),
    ] = None,
    filters: Filters = None,
    any_of: AnyOf = None,
    pattern: PatternFile = None,
    role_arn: Annotated[
        str | None,
        typer.Option("--role-arn", help="The role with which the rule reaches its targets."),
    ] = None,
    dead_letters: Annotated[
        str | None,
        typer.Option(
            "--dlq", metavar="ARN", help="A queue for events that the targets did not receive."
        ),
    ] = None,
    retry: Annotated[
        str | None,
        typer.Option(
            metavar="ATTEMPTS[,SECONDS]",
            help="How often to try again (0 to 185), and for how long (60 to 86400 seconds).",
        ),
    ] = None,
    input_path: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Send a part of the event only, as $.detail."),
    ] = None,
    input_template: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Send this text, with <name> for values."),
    ] = None,
    input_values: Annotated[
        list[str] | None,
        typer.Option(
            "--input-value",
            metavar="NAME=PATH",
            help="A value for the template, as id=$.detail.id; may be repeated.",
        ),
    ] = None,
    task_definition: Annotated[
        str | None, typer.Option(metavar="ARN", help="The task that an ECS cluster runs.")
    ] = None,
    subnets: Annotated[
        list[str] | None,
        typer.Option("--subnet", metavar="ID", help="For a task on Fargate; may be repeated."),
    ] = None,
    is_ordered: Annotated[
        bool | None,
        typer.Option(
            "--fifo/--no-fifo",
            help="On a Custom Event Bus: deliver the events of one subject in order; by default "
            "to FIFO targets only.",
        ),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove targets of the rule that are not named.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would change.")
    ] = False,
    style: Annotated[
        RuleFormat | None,
        typer.Option("--format", help="Print infrastructure code, change nothing."),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER",
            help="With --format: the account of the rule, if the bus is not named by its ARN. "
            "Targets in other accounts get a role.",
        ),
    ] = None,
    store: Store = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
) -> None:
    """Create a rule with its targets and their permissions, or update what differs.

    On a Custom Event Bus: its subscribers, one for each target.
    """
    settings, _ = settings_of(config, overrides, magento_root)
    views = _views(settings, store)
    destination = views[0].route().destination
    if pattern and (detail_types or filters or any_of):
        raise typer.BadParameter("--pattern replaces detail-types, --detail and --or")
    catalog = _catalog(settings)
    wanted = (
        _checked(pattern, views, catalog)
        if pattern
        else _pattern(views, catalog, detail_types, filters, any_of)
    )
    if not targets:
        raise typer.BadParameter("a rule without a target does nothing: give --target")
    try:
        options = TargetOptions(
            dead_letters=dead_letters,
            input_path=input_path,
            input_template=input_template,
            input_values=tuple(_name_and_path(text) for text in input_values or ()),
            task_definition=task_definition,
            subnets=tuple(subnets or ()),
            **_retries(retry),
        )
        if destination.is_custom_bus:
            subscription = BusSubscription(
                name,
                destination.event_bus or "",
                wanted,
                tuple(Target(arn, role_arn, options) for arn in targets),
                is_ordered,
            )
            if style:
                out.print(_SUBSCRIBER_WRITERS[style](subscription), end="")
                return
            planned = list(subscribers.changes(Clients(destination), subscription, prune=prune))
        else:
            rule = _rule(name, destination, wanted, targets, role_arn, options, is_ordered)
            if style:
                rule = replace(rule, account=account)
                _check_code(rule, destination.region)
                out.print(_WRITERS[style](rule, destination.region), end="")
                return
            # All is asked before anything is changed: nothing is left half done for a wrong name.
            planned = list(changes(Clients(destination), rule, prune=prune))
    except TargetError as error:
        raise typer.BadParameter(str(error)) from None
    make(planned, settings, dry_run=dry_run)
    if not planned:
        out.print(f"rule {name} is up to date")
    _note_secondary(destination)


def _note_secondary(destination: Destination) -> None:
    """Say that the bus in the other region of a global endpoint has its own rules."""
    if destination.endpoint_id:
        note(
            f"this is the bus in {destination.region}: the bus in the secondary region of the "
            "global endpoint needs the same rules, with targets there (--set options.region=REGION)"
        )


def _rule(
    name: str,
    destination: Destination,
    wanted: dict[str, Any],
    targets: list[str],
    role_arn: str | None,
    options: TargetOptions,
    is_ordered: bool | None,
) -> Rule:
    """Return a rule of a classic bus, whose targets it can have."""
    if is_ordered is not None:
        raise TargetError("--fifo and --no-fifo are for a Custom Event Bus")
    return Rule(
        name,
        destination.event_bus,
        wanted,
        tuple(_target(arn, role_arn, options) for arn in targets),
    )


def _check_code(rule: Rule, region: str) -> None:
    """Check what a rule in infrastructure code needs, and say what its code cannot do."""
    for target in rule.targets:
        target.check_region(region)
        account = rule.account_for(target)
        if account_of(target.arn) not in ("", account):
            note(
                f"{target.arn} is in another account: its owner must allow the rule's role in the "
                "policy of that target"
            )


@app.command("delete", epilog="Example: magento-eventbridge rules delete orders --dry-run")
def delete(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The rule's name.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would change.")
    ] = False,
    store: Store = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
) -> None:
    """Delete a rule with its targets and their permissions."""
    settings, _ = settings_of(config, overrides, magento_root)
    destination = _views(settings, store)[0].route().destination
    try:
        if destination.is_custom_bus:
            planned = list(
                subscribers.deletion(Clients(destination), name, destination.event_bus or "")
            )
        else:
            planned = list(deletion(Clients(destination), name, destination.event_bus))
    except TargetError as error:
        raise typer.BadParameter(str(error)) from None
    make(planned, settings, dry_run=dry_run)
    if not planned:
        out.print(f"there is no rule {name}")
    _note_secondary(destination)


@app.command("list", epilog="Example: magento-eventbridge rules list --json")
def list_rules(
    store: Store = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """List the rules, or subscribers, of the bus with their patterns and targets."""
    settings, _ = settings_of(config, overrides, magento_root)
    destination = _views(settings, store)[0].route().destination
    if destination.is_custom_bus:
        rules = list(subscribers.subscribers_of(Clients(destination), destination.event_bus or ""))
    else:
        rules = list(rules_of(Clients(destination), destination.event_bus))
    if as_json:
        show_json(
            [
                {
                    "name": rule.name,
                    "state": rule.state,
                    "pattern": rule.pattern,
                    "targets": list(rule.targets),
                    **({"type": rule.type} if rule.type else {}),
                }
                for rule in rules
            ]
        )
        return
    rows = table("rule", "state", "pattern", "targets")
    for rule in rules:
        state = f"{rule.state} {rule.type}" if rule.type else rule.state
        rows.add_row(rule.name, state, _shown(rule), "\n".join(rule.targets) or "-")
    out.print(rows, soft_wrap=False)


def _shown(rule: ExistingRule) -> str:
    """Return the pattern as the list shows it."""
    if rule.pattern:
        return json.dumps(rule.pattern, ensure_ascii=False)
    return "all events" if rule.type else "a schedule"


def _views(settings: Settings, store: int | None) -> list[ViewSettings]:
    if store is not None:
        return [view_of(settings, store)]
    return [settings, *settings.stores.values()]


def _catalog(settings: Settings) -> ShopCatalog:
    """Return the shop's events, with those that it declares."""
    return CurrentCatalog(settings).catalog


def _known(views: list[ViewSettings], catalog: ShopCatalog) -> list[Known]:
    """Return the events under the names that these store views send."""
    return [
        patterns.known(event, name, _level(views))
        for event in catalog.events
        for name in dict.fromkeys(
            view.detail_types.get(event.detail_type, event.detail_type) for view in views
        )
    ]


def _level(views: list[ViewSettings]) -> DetailLevel:
    """Return how much the details of these store views say at most."""
    return "full" if any(view.options.detail == "full" for view in views) else "documented"


def _pattern(
    views: list[ViewSettings],
    catalog: ShopCatalog,
    detail_types: list[str] | None,
    filters: list[str] | None,
    any_of: list[str] | None,
) -> dict[str, Any]:
    if not detail_types:
        raise typer.BadParameter("no detail-type is given; 'events list' lists all")
    for given in detail_types:
        if given not in catalog.by_name:
            raise no_such_event(given, catalog.by_name)
    meant = [
        patterns.known(catalog.by_name[given], name, _level(views))
        for given in dict.fromkeys(detail_types)
        for name in dict.fromkeys(view.detail_types.get(given, given) for view in views)
    ]
    sources = [view.options.source for view in views]
    try:
        return patterns.make(sources, meant, filters=filters or (), any_of=any_of or ())
    except PatternError as error:
        raise typer.BadParameter(str(error)) from None


def _checked(given: str, views: list[ViewSettings], catalog: ShopCatalog) -> dict[str, Any]:
    try:
        text = given if given.lstrip().startswith("{") else Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"pattern {given}: {cause(error)}") from None
    try:
        wanted = patterns.read(text)
        patterns.check(wanted, _known(views, catalog))
    except PatternError as error:
        raise typer.BadParameter(str(error)) from None
    return wanted


def _matched(
    wanted: dict[str, Any], result: list[tuple[str, dict[str, Any]]], clients: Clients | None
) -> tuple[str, list[bool]]:
    if clients is not None:
        try:
            return "AWS's TestEventPattern", [matches_at_aws(clients, wanted, e) for _, e in result]
        except (AwsError, CredentialsError) as error:
            if isinstance(error, AwsError) and error.code == "InvalidEventPatternException":
                raise
            note(f"AWS cannot be asked ({error}); the pattern is tested on this machine")
    try:
        return "moto on this machine", [matches_here(wanted, event) for _, event in result]
    except MatcherMissingError as error:
        raise AwsError(str(error)) from None


def _target(arn: str, role_arn: str | None, options: TargetOptions) -> Target:
    target = Target(arn, None, options)
    if service_of(arn) == "logs" or role_arn is None:
        return target
    is_role_needed = target.needs_role(account_of(role_arn))
    return Target(arn, role_arn, options) if is_role_needed else target


def _retries(text: str | None) -> dict[str, int | None]:
    """Read `ATTEMPTS[,SECONDS]`."""
    if text is None:
        return {}
    attempts, _, age = text.partition(",")
    try:
        return {"attempts": int(attempts), "age": int(age) if age else None}
    except ValueError:
        raise typer.BadParameter(f"--retry {text}: must be ATTEMPTS or ATTEMPTS,SECONDS") from None


def _name_and_path(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"--input-value {text}: must be NAME=PATH")
    return name, path
