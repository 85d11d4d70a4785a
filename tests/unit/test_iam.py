"""`iam policy` prints the least policy; an AWS refusal names the missing statement."""

import json

import pytest

from magento_eventbridge.aws.arns import RegionError, partition
from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.provisioning import iam
from magento_eventbridge.settings.layers import Layer, load
from tests.support.aws import environment, local_aws
from tests.support.aws_stub import Raw, Refusal, aws_stub
from tests.support.templates import faults, terraform
from tests.unit.test_cli import command, nothing_of_this_machine, words  # noqa: F401

SETTINGS = """
[options]
region = "eu-west-1"
source = "shop.example.com"

[stores.2.options]
source = "outlet.example.com"

[stores.3.options]
source = "b2b.example.com"
event_bus = "b2b"

[stores.3.events.cache]
flush_all = false
flush_system = false
flush_catalog_images = false
flush_media = false
flush_static_files = false

[stores.3.detail_types]
StateSaved = "IndexerStateSaved"
"""

CUSTOM = f"arn:aws:events:eu-west-1:210987654321:event-busv2/shop/{'a1' * 12}b"
CLASSIC = "arn:aws:events:eu-west-1:210987654321:event-bus/shop"
BRIDGE = "arn:aws:iam::123456789012:role/bridge"
KEY = "arn:aws:kms:eu-west-1:210987654321:key/1"


def for_bus(bus, *more):
    return [
        "iam", "policy", "--for-bus", "--principal", BRIDGE, "--set", f"options.event_bus={bus}",
        "--set", "options.region=eu-west-1", "--set", "options.source=shop.example.com", *more,
    ]  # fmt: skip


@pytest.mark.parametrize(("bus", "quota"), [(CLASSIC, 10_240), (CUSTOM, 20_480)])
def test_a_policy_that_a_bus_cannot_have_is_reported(command, tmp_path, bus, quota):
    def ran_with(views):
        """Run with a long source in each of so many store views."""
        view = tmp_path / "views.toml"
        sources = [f'[stores.{n}.options]\nsource = "s{n:0200}"\n' for n in range(1, views)]
        view.write_text("\n".join(sources))
        return command(*for_bus(bus, "--config", view))

    fits, refused = ran_with(3), ran_with(100)
    assert (fits.status, refused.status) == (0, 0)
    assert "AWS refuses" not in fits.err
    (policy,) = refused.json["buses"].values()
    length = len(json.dumps(policy, separators=(",", ":")))
    assert f"AWS refuses the policy of {bus}: it has {length} characters, the quota is {quota}" in (
        " ".join(refused.err.split())
    )


@pytest.mark.parametrize("bus", [CLASSIC, CUSTOM])
def test_the_owner_of_a_bus_lets_a_bridge_of_another_account_in(command, bus):
    ran = command(*for_bus(bus))
    assert ran.status == 0
    assert ran.json == {
        "buses": {
            bus: {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "MagentoEvents1",
                        "Effect": "Allow",
                        "Principal": {"AWS": BRIDGE},
                        "Action": "events:PutEvents",
                        "Resource": bus,
                        "Condition": {"StringEquals": {"events:source": ["shop.example.com"]}},
                    }
                ],
            }
        }
    }
    assert "it needs no policy of the buses" not in words(ran.err)


def test_a_whole_account_can_be_let_in(command):
    ran = command(*for_bus(CLASSIC, "--principal", "210987654321"))
    (statement,) = ran.json["buses"][CLASSIC]["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::210987654321:root"}
    assert "it needs no policy of the buses" in words(ran.err)


def test_the_role_of_the_settings_is_the_principal(command):
    arguments = [word for word in for_bus(CLASSIC) if word not in ("--principal", BRIDGE)]
    ran = command(*arguments, "--set", f"credentials.role_arn={BRIDGE}")
    (statement,) = ran.json["buses"][CLASSIC]["Statement"]
    assert statement["Principal"] == {"AWS": BRIDGE}


def test_the_key_of_a_bus_lets_eventbridge_in_and_for_a_custom_bus_the_bridge(command):
    classic = command(*for_bus(CLASSIC, "--kms-key", KEY)).json["key"]
    assert [s["Principal"] for s in classic] == [{"Service": "events.amazonaws.com"}] * 2
    assert classic[1]["Action"] == ["kms:GenerateDataKey", "kms:Decrypt"]
    assert classic[1]["Condition"] == {
        "StringEquals": {
            "aws:SourceArn": CLASSIC,
            "kms:EncryptionContext:aws:events:event-bus:arn": CLASSIC,
        }
    }
    custom = command(*for_bus(CUSTOM, "--kms-key", KEY)).json["key"]
    assert (custom[-1]["Principal"], custom[-1]["Action"]) == ({"AWS": BRIDGE}, "kms:Decrypt")
    own = ["iam", "policy", "--kms-key", KEY, "--set", "options.region=eu-west-1"]
    mine = command(*own, "--set", f"options.event_bus={CUSTOM}").json["Statement"]
    assert mine[-1] == {
        "Sid": "UseKeyOfMagentoBuses",
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": KEY,
    }


@pytest.mark.parametrize("bus", [CLASSIC, CUSTOM])
def test_bus_policies_can_be_written_as_code(command, bus):
    ran = command(*for_bus(bus, "--kms-key", KEY, "--format", "terraform"))
    (block,) = terraform(ran.out)["resource"]
    kind = next(iter(block)).strip('"')
    assert kind == (
        "awscc_eventsv2_resource_policy" if bus == CUSTOM else "aws_cloudwatch_event_bus_policy"
    )
    assert terraform(ran.out)["locals"]
    template = command(*for_bus(bus, "--kms-key", KEY, "--format", "cloudformation"))
    # cfn-lint does not know this kind of resource yet.
    unknown = "Resource type 'AWS::EventsV2::ResourcePolicy' does not exist"
    assert [fault for fault in faults(template.out) if unknown not in fault] == []
    assert len(template.json["Metadata"]["StatementsForTheKeysPolicy"]) == (
        3 if bus == CUSTOM else 2
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--principal", BRIDGE], "--principal is for --for-bus"),
        (["--kms-key", "alias/shop"], "must be the key's ARN"),
    ],
)
def test_wrong_options_of_a_policy_are_refused(command, arguments, reason):
    ran = command("iam", "policy", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert reason in words(ran.err)


LARGE = ["--set", "claim_check.bucket=large", "--account", "210987654321"]


@pytest.mark.parametrize("style", ["json", "terraform", "cloudformation"])
def test_the_bucket_of_large_events_is_allowed(command, style):
    key = "arn:aws:kms:eu-west-1:210987654321:key/1"
    ran = command("iam", "policy", *LARGE, "--set", f"claim_check.kms_key={key}", "--format", style)
    assert (ran.status, ran.err) == (0, "")
    assert "arn:aws:s3:::large/magento-events/*" in ran.out
    assert all(action in ran.out for action in ("s3:PutObject", "kms:GenerateDataKey", key))
    if style == "json":
        assert [s["Sid"] for s in ran.json["Statement"]][-2:] == [
            "StoreLargeMagentoEvents",
            "EncryptLargeMagentoEvents",
        ]
    elif style == "cloudformation":
        assert faults(ran.out) == []
    else:
        terraform(ran.out)


def test_a_key_without_an_arn_is_named(command):
    ran = command("iam", "policy", *LARGE, "--set", "claim_check.kms_key=alias/shop")
    assert "add kms:GenerateDataKey on the key alias/shop" in words(ran.err)
    assert "kms:" not in ran.out


def test_without_a_bucket_nothing_of_s3_is_allowed(command):
    assert "s3:" not in command("iam", "policy", "--account", "210987654321").out


TWO_BUSES = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "PutMagentoEvents1",
            "Effect": "Allow",
            "Action": "events:PutEvents",
            "Resource": "arn:aws:events:eu-west-1:210987654321:event-bus/default",
            "Condition": {
                "StringEquals": {"events:source": ["outlet.example.com", "shop.example.com"]}
            },
        },
        {
            "Sid": "PutMagentoEvents2",
            "Effect": "Allow",
            "Action": "events:PutEvents",
            "Resource": "arn:aws:events:eu-west-1:210987654321:event-bus/b2b",
            "Condition": {"StringEquals": {"events:source": ["b2b.example.com"]}},
        },
        {
            "Sid": "CheckMagentoBuses",
            "Effect": "Allow",
            "Action": "events:DescribeEventBus",
            "Resource": [
                "arn:aws:events:eu-west-1:210987654321:event-bus/b2b",
                "arn:aws:events:eu-west-1:210987654321:event-bus/default",
            ],
        },
    ],
}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS)
    return path


def test_one_policy_serves_all_store_views(command, config):
    ran = command("iam", "policy", "--account", "210987654321", "--config", config)
    assert (ran.status, ran.err) == (0, "")
    assert ran.json == TWO_BUSES


def test_only_detail_types_that_are_on_under_the_names_they_are_sent_by(command, config):
    ran = command(
        "iam", "policy", "--detail-types", "--account", "210987654321", "--config", config
    )
    shop, b2b, _ = ran.json["Statement"]
    allowed = b2b["Condition"]["StringEquals"]["events:detail-type"]
    assert len(shop["Condition"]["StringEquals"]["events:detail-type"]) == 37
    assert len(allowed) == 32
    assert "IndexerStateSaved" in allowed
    assert not {"StateSaved", "CacheFlushAll"} & set(allowed)


def many_buses(tmp_path, count=8):
    path = tmp_path / "many.toml"
    path.write_text(
        '[options]\nsource = "shop"\n'
        + "".join(
            f'[stores.{n}.options]\nsource = "shop{n}"\nevent_bus = "bus{n}"\n'
            for n in range(1, count + 1)
        )
    )
    return path


def allowed(documents):
    """Everything that policies allow: bus, source, detail-type (or None)."""
    granted: set[tuple[str | None, ...]] = set()
    for document in documents:
        assert len(json.dumps(document, separators=(",", ":"))) <= 6144
        sids = [statement["Sid"] for statement in document["Statement"]]
        assert len(set(sids)) == len(sids)
        assert all(sid.isalnum() for sid in sids)
        for statement in document["Statement"]:
            resources = statement["Resource"]
            for bus in [resources] if isinstance(resources, str) else resources:
                if statement["Action"] != "events:PutEvents":
                    granted.add((statement["Action"], bus))
                    continue
                keys = statement["Condition"]["StringEquals"]
                for source in keys["events:source"]:
                    for name in keys.get("events:detail-type", [None]):
                        granted.add((bus, source, name))
    return granted


def test_a_policy_that_is_too_long_for_iam_becomes_several(command, tmp_path):
    arguments = ("iam", "policy", "--account", "210987654321", "--config", many_buses(tmp_path))
    assert command(*arguments).err == ""
    ran = command(*arguments, "--detail-types")
    assert "2 policies" in words(ran.err)
    assert "attach all of them" in words(ran.err)
    assert len(ran.json) == 2
    granted = allowed(ran.json)
    names = {None: "default"} | {n: f"bus{n}" for n in range(1, 9)}
    for number, name in names.items():
        bus = f"arn:aws:events:us-east-1:210987654321:event-bus/{name}"
        assert ("events:DescribeEventBus", bus) in granted
        for event in EVENTS:
            assert (bus, f"shop{number or ''}", event.detail_type) in granted
    assert len(granted) == len(names) * (len(EVENTS) + 1)


@pytest.mark.external
def test_several_policies_as_code(command, tmp_path):
    arguments = ("iam", "policy", "--detail-types", "--config", many_buses(tmp_path, 20))
    ran = command(*arguments, "--format", "cloudformation")
    assert ran.status == 0
    assert faults(ran.out) == []
    resources = ran.json["Resources"]
    assert list(resources)[:2] == ["MagentoEventBridgePolicy", "MagentoEventBridgePolicy2"]
    ran = command(*arguments, "--format", "terraform")
    code = terraform(ran.out)
    named = [next(iter(policy)) for each in code["resource"] for policy in each.values()]
    assert len(named) == len(resources)


def test_more_policies_than_a_role_takes_are_pointed_out(command, tmp_path):
    ran = command(
        *("iam", "policy", "--account", "210987654321", "--detail-types"),
        *("--config", many_buses(tmp_path, 60)),
    )
    assert "a role takes 10 managed policies" in words(ran.err)


@pytest.mark.parametrize(
    ("sources", "types"),
    [(1, 300), (300, 1), (300, 0), (200, 200)],
)
def test_a_statement_that_is_too_long_is_divided(sources, types):
    bus = "arn:aws:events:eu-west-1:210987654321:event-bus/shop"
    shops = tuple(f"{n}.shop.example.com" for n in range(sources))
    names = tuple(f"a rather long name of a detail type, {n}" for n in range(types))
    documents = iam.policies([iam.Grant(bus, shops, names)])
    assert len(documents) > 1
    granted = allowed(documents) - {("events:DescribeEventBus", bus)}
    assert granted == {(bus, shop, name) for shop in shops for name in names or (None,)}


def test_very_many_buses_are_checked_by_several_statements():
    buses = [f"arn:aws:events:eu-west-1:{iam.ACCOUNT}:event-bus/bus{n}" for n in range(200)]
    documents = iam.policies([iam.Grant(bus, ("shop",)) for bus in buses])
    granted = allowed(documents)
    assert {("events:DescribeEventBus", bus) for bus in buses} <= granted
    assert {(bus, "shop", None) for bus in buses} <= granted


# Global endpoints

GLOBAL = ("--set", "options.endpoint_id=abcde.veo", "--set", "options.region=eu-west-1")
OWNER = ("--account", "210987654321")


def test_a_global_endpoint_needs_its_buses_in_both_regions(command):
    ran = command("iam", "policy", *OWNER, *GLOBAL, "--secondary-region", "eu-central-1")
    assert (ran.status, ran.err) == (0, "")
    buses = [
        f"arn:aws:events:{region}:210987654321:event-bus/default"
        for region in ("eu-central-1", "eu-west-1")
    ]
    put, other, check, endpoints = ran.json["Statement"]
    assert [put["Resource"], other["Resource"]] == buses
    assert put["Condition"] == other["Condition"]
    assert check["Resource"] == buses
    assert endpoints == {
        "Sid": "CheckGlobalEndpoints",
        "Effect": "Allow",
        "Action": "events:ListEndpoints",
        "Resource": "*",
    }


def test_without_the_secondary_region_any_region_is_allowed(command):
    bus = "arn:aws:events:us-east-1:210987654321:event-bus/shop"
    ran = command("iam", "policy", *OWNER, *GLOBAL, "--set", f"options.event_bus={bus}")
    assert ran.json["Statement"][0]["Resource"] == ("arn:aws:events:*:210987654321:event-bus/shop")


def test_the_owner_of_both_buses_lets_a_bridge_in(command):
    arguments = ("iam", "policy", *OWNER, *GLOBAL, "--for-bus", "--principal", BRIDGE)
    ran = command(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert "--secondary-region" in words(ran.err)
    ran = command(*arguments, "--secondary-region", "eu-central-1")
    assert sorted(ran.json["buses"]) == [
        "arn:aws:events:eu-central-1:210987654321:event-bus/default",
        "arn:aws:events:eu-west-1:210987654321:event-bus/default",
    ]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--secondary-region", "eu-west-1", *GLOBAL), "that is the primary region"),
        (("--secondary-region", "cn-north-1", *GLOBAL), "not in the partition of eu-west-1"),
        (("--secondary-region", "moon", *GLOBAL), "moon"),
        (("--secondary-region", "eu-central-1"), "for global endpoints"),
    ],
)
def test_a_wrong_secondary_region_is_refused(command, arguments, reason):
    ran = command("iam", "policy", *OWNER, *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert reason in words(ran.err)


def test_what_sends_nothing_needs_nothing():
    off = frozenset(event.config_path for event in EVENTS)
    assert iam.grants([Route(Destination("eu-west-1"), "s", switched_off=off)], lambda _: "1") == []


def test_the_account_is_that_of_the_credentials(command, monkeypatch):
    with local_aws() as url:
        for name, value in environment(url).items():
            monkeypatch.setenv(name, value)
        ran = command("iam", "policy")
    assert (ran.status, ran.err) == (0, "")
    assert ran.json["Statement"][0]["Resource"] == (
        "arn:aws:events:eu-west-1:123456789012:event-bus/default"
    )


def test_without_credentials_it_asks_for_the_account(command):
    ran = command("iam", "policy", "--set", "credentials.type=env")
    assert (ran.status, ran.out) == (2, "")
    assert "give it with --account" in words(ran.err)


def test_an_answer_that_is_none_of_awss_is_reported(command, monkeypatch):
    with aws_stub() as stub:
        for name, value in environment(stub.url).items():
            monkeypatch.setenv(name, value)
        stub.answer = lambda _: Raw(b"a proxy says <no")
        ran = command("iam", "policy")
    assert (ran.status, ran.out) == (2, "")
    assert "give it with --account" in words(ran.err)


def test_a_wrong_account_is_wrong_use(command):
    ran = command("iam", "policy", "--account", "12")
    assert (ran.status, ran.out) == (2, "")


def test_a_roles_policy_is_of_its_account_and_says_whose_it_is(command):
    role = "arn:aws-cn:iam::333333333333:role/shop"
    ran = command(
        "iam",
        "policy",
        "--set",
        f"credentials.role_arn={role}",
        "--set",
        "options.region=cn-north-1",
    )
    assert ran.json["Statement"][0]["Resource"] == (
        "arn:aws-cn:events:cn-north-1:333333333333:event-bus/default"
    )
    assert f"the policy belongs to {role}" in ran.err


@pytest.mark.parametrize(
    ("region", "name"),
    [("eu-west-1", "aws"), ("cn-northwest-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_arns_are_of_the_regions_partition(region, name):
    assert partition(region) == name


def test_a_region_of_no_partition_is_reported(command):
    with pytest.raises(RegionError, match="region 'mars'"):
        partition("mars")
    ran = command("iam", "policy", "--account", "210987654321", "--set", "options.region=mars")
    assert (ran.status, ran.out) == (1, "")
    assert "region 'mars'" in ran.err


def test_a_bus_named_by_its_arn_keeps_it():
    arn = "arn:aws:events:us-east-1:999999999999:event-bus/central"
    route = Route(Destination("eu-west-1", event_bus=arn), "s")
    assert [grant.bus for grant in iam.grants([route], lambda _: pytest.fail("asked"))] == [arn]


@pytest.mark.external
def test_terraform_reads_it(command, config):
    ran = command("iam", "policy", "--format", "terraform", "--config", config)
    assert (ran.status, ran.err) == (0, "")
    read = terraform(ran.out)
    assert "aws_caller_identity" in str(read["data"])
    (resource,) = read["resource"]
    assert "aws_iam_policy" in str(resource)
    assert "event-bus/b2b" in str(resource)
    inner = ran.out.partition("jsonencode(")[2].rpartition(")")[0]
    account = "${data.aws_caller_identity.current.account_id}"
    assert json.loads(inner.replace(account, "210987654321")) == TWO_BUSES


def test_nothing_in_a_source_is_code_of_terraform():
    grant = iam.Grant("arn:aws:events:eu-west-1:1:event-bus/default", ("${file(1)} %{if}",))
    text = iam.as_terraform(iam.policies([grant]))
    assert '"$${file(1)} %%{if}"' in text
    assert "aws_caller_identity" not in text


@pytest.mark.external
def test_cloudformation_takes_it(command, config):
    ran = command("iam", "policy", "--format", "cloudformation", "--config", config)
    assert (ran.status, ran.err) == (0, "")
    assert faults(ran.out) == []
    document = ran.json["Resources"]["MagentoEventBridgePolicy"]["Properties"]["PolicyDocument"]
    assert document["Statement"][1]["Resource"] == {
        "Fn::Sub": "arn:aws:events:eu-west-1:${AWS::AccountId}:event-bus/b2b"
    }


# What AWS says is missing; the words are AWS's.

USER = "arn:aws:iam::123456789012:user/shop"
BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
STATEMENT = (
    '{"Effect": "Allow", "Action": "events:PutEvents", "Resource": "' + BUS + '", '
    '"Condition": {"StringEquals": {"events:source": "shop.example.com"}}}'
)
DENIED = f"User: {USER} is not authorized to perform: events:PutEvents on resource: {BUS}"


@pytest.mark.parametrize(
    ("message", "statement"),
    [
        (DENIED, f"missing in an identity-based policy of {USER}: {STATEMENT}"),
        (
            f"AccessDeniedException: {DENIED} because no identity-based policy allows the "
            "events:PutEvents action",
            f"missing in an identity-based policy of {USER}: {STATEMENT}",
        ),
        (
            f"{DENIED} because no resource-based policy allows the events:PutEvents action",
            f"missing in the bus's own policy: {STATEMENT}",
        ),
        (
            f"{DENIED} because no permissions boundary allows the events:PutEvents action",
            f"missing in a permissions boundary of {USER}: {STATEMENT}",
        ),
        (
            f"{DENIED} because no service control policy allows the events:PutEvents action",
            f"missing in a service control policy of {USER}: {STATEMENT}",
        ),
        (
            f"{DENIED} with an explicit deny in a service control policy",
            f"a Deny for events:PutEvents in a service control policy of {USER} forbids it, and "
            "no Allow helps against a Deny: remove that statement, or exclude this resource "
            "from it",
        ),
        (
            "credentials of type 'keys': An error occurred (AccessDenied) when calling the "
            f"AssumeRole operation: User: {USER} is not authorized to perform: sts:AssumeRole on "
            "resource: arn:aws:iam::123456789012:role/bus",
            f"missing in an identity-based policy of {USER}: "
            '{"Effect": "Allow", "Action": "sts:AssumeRole", '
            '"Resource": "arn:aws:iam::123456789012:role/bus"}',
        ),
        ("ResourceNotFoundException: Event bus shop does not exist.", None),
        ("UnrecognizedClientException: The security token is invalid", None),
    ],
)
def test_a_refusal_is_reported_by_the_statement_it_lacks(message, statement):
    assert iam.missing(message, "shop.example.com") == statement


def test_the_settings_of_the_tests_are_settings():
    import tomllib

    settings, _ = load([Layer("test", tomllib.loads(SETTINGS))])
    assert settings.view(3).route().destination.event_bus == "b2b"
    assert settings.view(3).route().destination.credentials == CredentialsSource()


def test_doctor_names_the_missing_statement_from_awss_answer(command, monkeypatch):
    with aws_stub() as stub:
        for name, value in environment(stub.url).items():
            monkeypatch.setenv(name, value)
        stub.answer = lambda _: Refusal("AccessDeniedException", DENIED)
        ran = command("doctor", "--json", "--set", f"options.endpoint_url={stub.url}")
    findings = {finding["name"]: finding["message"] for finding in ran.json["findings"]}
    assert findings["bus of all store views"].endswith(
        f"{DENIED}; missing in an identity-based policy of {USER}: {STATEMENT}"
    )


def test_doctor_names_what_is_missing_to_assume_a_role(command, monkeypatch):
    role = "arn:aws:iam::123456789012:role/bus"
    denied = f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {role}"
    with aws_stub() as stub:
        for name, value in environment(stub.url).items():
            monkeypatch.setenv(name, value)
        error = f"<Error><Code>AccessDenied</Code><Message>{denied}</Message></Error>"
        stub.answer = lambda _: Raw(f"<ErrorResponse>{error}</ErrorResponse>".encode(), 403)
        ran = command("doctor", "--json", "--set", f"credentials.role_arn={role}")
    findings = {finding["name"]: finding["message"] for finding in ran.json["findings"]}
    statement = findings["credentials of all store views"]
    assert "; missing in an identity-based policy of" in statement
    assert statement.endswith(
        f'{{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "{role}"}}'
    )
