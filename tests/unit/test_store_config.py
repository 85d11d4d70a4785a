"""The bridge reads a store's configuration as Magento does, for each store view."""

import json
from pathlib import Path
from typing import Any

import pytest

from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.delivery.privacy import Privacy
from magento_eventbridge.magento.connections import Database, crypt_keys_of
from magento_eventbridge.magento.encryption import CryptKeys
from magento_eventbridge.magento.env_php import Deployment, read_deployment
from magento_eventbridge.magento.live_store import LiveStore
from magento_eventbridge.magento.php.values import Computed, Constant, PhpFileError
from magento_eventbridge.magento.store_config import (
    ConfigRow,
    StoreConfigError,
    StoreRows,
    StoreView,
    Website,
    read_store_config,
)
from magento_eventbridge.magento.store_settings import (
    below,
    closed_values,
    database_layer,
    store_layers,
)
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.layers import Layer, Origins, load
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.settings.sources import environment_layer
from magento_eventbridge.tls import TlsOptions

STORE = Path(__file__).parents[1] / "fixtures/magento"
ENCRYPTED = json.loads((STORE / "encrypted-values.json").read_text("utf-8"))
KEYS = CryptKeys.of(ENCRYPTED["crypt_key"])
SECRET = "hunter2"
MCRYPT = "0:2:0123456789abcdef0123456789abcdef:QUJD"

WEBSITES = (Website(0, "admin"), Website(1, "base"), Website(2, "Outlet"))
STORES = (
    StoreView(0, "admin", 0),
    StoreView(1, "default", 1),
    StoreView(2, "german", 1),
    StoreView(3, "outlet", 2),
)
REGION = "aws_eventbridge/options/region"
SOURCE = "aws_eventbridge/options/source"
BUS = "aws_eventbridge/options/event_bus"
KEY = "aws_eventbridge/credentials/secret_access_key"
TYPE = "aws_eventbridge/credentials/type"
BASE_URL = "web/unsecure/base_url"


def rows(*config: tuple[str, int, str, str | None]) -> StoreRows:
    return StoreRows([ConfigRow(*row) for row in config], WEBSITES, STORES)


def layers(
    saved: StoreRows,
    env: dict[Any, Any] | None = None,
    config: dict[Any, Any] | None = None,
    environment: dict[str, str] | None = None,
) -> list[Layer]:
    deployment = Deployment(env={"system": env or {}}, config={"system": config or {}})
    return store_layers(read_store_config(deployment, saved, environment or {}), KEYS)


def loaded(*args: Any, **kwargs: Any) -> tuple[Settings, Origins]:
    return load(layers(*args, **kwargs))


def regions(settings: Settings) -> list[str]:
    return [settings.view(view_id).options.region for view_id in range(4)]


def of(path: str, value: Any) -> dict[str, Any]:
    group, name, field = path.split("/")
    return {group: {name: {field: value}}}


# The recorded store


def test_the_recorded_store_gives_what_was_saved_in_it():
    recorded = json.loads((STORE / "store-rows.json").read_text("utf-8"))
    saved = StoreRows(
        [ConfigRow(**row) for row in recorded["config"]],
        [Website(**site) for site in recorded["websites"]],
        [StoreView(**store) for store in recorded["stores"]],
    )
    deployment = read_deployment(STORE, {})
    config = read_store_config(deployment, saved, {})
    settings, origins = load(store_layers(config, crypt_keys_of(deployment)))

    route = settings.route()
    assert route.source == "store.example.com"
    assert route.destination.region == "eu-west-1"
    assert route.destination.event_bus is None
    assert route.destination.dry_run
    assert route.destination.credentials.type == "keys"
    assert route.destination.credentials.access_key == "AKIAEXAMPLE"
    assert route.destination.credentials.secret_access_key == "example-not-a-secret"
    assert route.tracking
    assert route.switched_off == frozenset()
    assert settings.options.debug_mode
    assert not settings.options.queue_mode
    assert settings.stores == {}
    assert origins.of("options.region") == "core_config_data, default"
    assert origins.of("events.order/placed") == "core_config_data, default"


def test_an_untouched_store_sends_nothing_yet():
    settings, origins = loaded(rows())
    assert settings.options.tracking
    assert settings.options.region == "us-east-1"
    assert settings.options.source == "magento"
    assert settings.route().switched_off == {event.config_path for event in EVENTS}
    assert origins.of("events.order/placed") == "default of the module"
    assert origins.of("options.source") == "default"
    assert settings.stores == {}


# Scopes


def test_a_store_view_has_its_own_else_its_websites_else_the_default():
    saved = rows(
        ("default", 0, REGION, "eu-west-1"),
        ("websites", 1, REGION, "eu-west-2"),
        ("stores", 2, REGION, "eu-west-3"),
    )
    settings, origins = loaded(saved)
    assert regions(settings) == ["eu-west-1", "eu-west-2", "eu-west-3", "eu-west-1"]
    assert set(settings.stores) == {1, 2}
    assert origins.of("options.region") == "core_config_data, default"
    assert origins.of("stores.1.options.region") == "core_config_data, website 1"
    assert origins.of("stores.2.options.region") == "core_config_data, store view 2"


def test_the_admin_is_a_store_view_even_where_no_table_names_it():
    saved = StoreRows(
        [
            ConfigRow("websites", 0, REGION, "eu-west-2"),
            ConfigRow("stores", 7, REGION, "eu-west-3"),
        ],
        [],
        [StoreView(7, "lonely", 9)],
    )
    settings, _ = loaded(saved)
    assert settings.view(0).options.region == "eu-west-2"
    assert settings.view(7).options.region == "eu-west-3"


def test_a_scope_goes_before_a_source_as_in_magento():
    saved = rows(("websites", 1, REGION, "of-website"))
    assert regions(loaded(saved, {"default": of(REGION, "of-env-php")})[0]) == [
        "of-env-php",
        "of-website",
        "of-website",
        "of-env-php",
    ]


def test_a_store_view_may_empty_what_others_have():
    saved = rows(
        ("default", 0, BUS, "shop"),
        ("default", 0, SOURCE, "shop.example.com"),
        ("default", 0, TYPE, "env"),
        ("default", 0, REGION, "eu-west-1"),
        ("stores", 2, BUS, ""),
        ("stores", 2, SOURCE, None),
        ("stores", 2, TYPE, ""),
        ("stores", 2, REGION, ""),
        ("stores", 2, BASE_URL, "https://german.example.com/"),
    )
    settings, _ = loaded(saved)
    assert settings.view(1).options.event_bus == "shop"
    german = settings.view(2)
    assert german.options.event_bus is None
    assert german.options.source == "german.example.com"
    assert german.options.region == "us-east-1"
    assert german.credentials.type == "default"


# Sources


def test_files_and_variables_go_before_the_database():
    saved = rows(("default", 0, REGION, "1"), ("stores", 2, REGION, "1"))
    config_php = {"default": of(REGION, "2"), "stores": {"german": of(REGION, "2")}}
    env_php = {"default": of(REGION, "3"), "websites": {"base": of(REGION, "3")}}
    environment = {
        "CONFIG__DEFAULT__AWS_EVENTBRIDGE__OPTIONS__REGION": "4",
        "CONFIG__WEBSITES__OUTLET__AWS_EVENTBRIDGE__OPTIONS__REGION": "5",
        "CONFIG__STORES__ADMIN__AWS_EVENTBRIDGE__OPTIONS__REGION": "6",
    }
    assert regions(loaded(saved)[0]) == ["1", "1", "1", "1"]
    assert regions(loaded(saved, config=config_php)[0]) == ["2", "2", "2", "2"]
    assert regions(loaded(saved, env_php, config_php)[0]) == ["3", "3", "2", "3"]
    settings, origins = loaded(saved, env_php, config_php, environment)
    assert regions(settings) == ["6", "3", "2", "5"]
    assert settings.options.region == "4"
    assert [origins.of(f"stores.{view_id}.options.region") for view_id in range(4)] == [
        "CONFIG__STORES__ADMIN__AWS_EVENTBRIDGE__OPTIONS__REGION",
        "env.php, website 1",
        "config.php, store view 2",
        "CONFIG__WEBSITES__OUTLET__AWS_EVENTBRIDGE__OPTIONS__REGION",
    ]
    assert origins.of("options.region") == "CONFIG__DEFAULT__AWS_EVENTBRIDGE__OPTIONS__REGION"


def test_what_php_makes_text_of():
    group = {"tracking": False, "debug_mode": True, "event_bus": None, "region": 7}
    settings, _ = loaded(rows(), {"default": {"aws_eventbridge": {"options": group}}})
    assert not settings.options.tracking
    assert settings.options.debug_mode
    assert settings.options.event_bus is None
    assert settings.options.region == "7"


def test_what_is_of_others_is_left_alone():
    saved = rows(
        ("default", 0, "aws_eventbridge/other_module/field", "x"),
        ("default", 0, "aws_eventbridge_other/options/region", "x"),
        ("default", 0, "web/seo/use_rewrites", "maybe"),
        ("groups", 0, REGION, "x"),
        ("stores", 99, REGION, "x"),
    )
    other = {"default": {"web": {"x": Constant("Y")}, "aws_eventbridge": "no section"}}
    environment = {"CONFIG__DEFAULT__AWS_EVENTBRIDGE__STRANGE": "x", "CONFIG__X": "x"}
    assert loaded(saved, other, environment=environment)[0] == loaded(rows())[0]


# Switches


@pytest.mark.parametrize(("text", "is_on"), [("1", True), ("0", False), ("", False), (None, False)])
def test_switches(text, is_on):
    path = "aws_eventbridge/events_order/placed"
    settings, _ = loaded(rows(("stores", 2, path, text)))
    assert (path not in settings.view(2).route().switched_off) is is_on
    assert path in settings.route().switched_off


@pytest.mark.parametrize(("text", "is_on"), [("1", True), ("0", False), ("", False)])
def test_switches_of_the_shops_own_events(text, is_on):
    path = "aws_eventbridge/events_declared/LoyaltyPointsChanged"
    settings, _ = loaded(rows(("default", 0, path, "1"), ("stores", 2, path, text)))
    assert (path not in settings.view(2).route().switched_off) is is_on
    assert path not in settings.route().switched_off


def test_a_switch_of_an_own_event_that_says_neither_yes_nor_no_is_reported():
    path = "aws_eventbridge/events_declared/LoyaltyPointsChanged"
    with pytest.raises(StoreConfigError, match="must be 1 or 0"):
        loaded(rows(("stores", 2, path, "maybe")))


def test_a_switch_that_says_neither_yes_nor_no_is_reported():
    with pytest.raises(StoreConfigError) as caught:
        loaded(rows(("websites", 1, "aws_eventbridge/options/tracking", SECRET)))
    assert str(caught.value) == (
        "aws_eventbridge/options/tracking (core_config_data, website 1): must be 1 or 0"
    )


# The source


def test_the_source_is_the_host_of_the_store_view_unless_one_is_saved():
    saved = rows(
        ("default", 0, BASE_URL, "http://Shop.example.com:8080/"),
        ("websites", 2, BASE_URL, "{{base_url}}"),
        ("websites", 2, "web/secure/base_url", "https://outlet.example.com/"),
        ("stores", 2, SOURCE, "german"),
    )
    settings, origins = loaded(saved)
    assert [settings.view(view_id).options.source for view_id in range(4)] == [
        "shop.example.com",
        "shop.example.com",
        "german",
        "outlet.example.com",
    ]
    assert origins.of("options.source") == f"host of {BASE_URL}, core_config_data, default"
    assert origins.of("stores.3.options.source") == (
        "host of web/secure/base_url, core_config_data, website 2"
    )


def test_a_base_url_may_come_from_the_environment():
    environment = {"CONFIG__STORES__OUTLET__WEB__UNSECURE__BASE_URL": "http://o.example.com/"}
    settings, _ = loaded(rows(), environment=environment)
    assert settings.view(3).options.source == "o.example.com"


@pytest.mark.parametrize(
    "url",
    [
        "{{base_url}}",
        "{{unsecure_base_url}}",
        "http://{{base_url}}/",
        "https://{{base_url}}:8443/de/",
        "//{{unsecure_base_url}}",
        "http://shop.{{domain}}/",
        "",
        None,
        "http://[broken/",
        "no address",
    ],
)
def test_without_an_address_the_source_is_the_bridges_own_default(url):
    assert loaded(rows(("default", 0, BASE_URL, url)))[0].options.source == "magento"


# Secrets


def test_secrets_are_opened_wherever_they_are_saved():
    value = ENCRYPTED["values"][0]
    saved = rows(("default", 0, TYPE, "keys"), ("default", 0, KEY, value["encrypted"]))
    environment = {
        "CONFIG__STORES__GERMAN__AWS_EVENTBRIDGE__CREDENTIALS__SECRET_ACCESS_KEY": SECRET
    }
    settings, _ = loaded(saved, environment=environment)
    secrets = [
        settings.view(view_id).route().destination.credentials.secret_access_key
        for view_id in (0, 2)
    ]
    assert secrets == [value["plaintext"], SECRET]


def test_a_secret_that_cannot_be_opened_is_reported_with_its_place():
    with pytest.raises(StoreConfigError) as caught:
        loaded(rows(("default", 0, TYPE, "keys"), ("websites", 1, KEY, MCRYPT)))
    message = str(caught.value)
    assert message.startswith(f"{KEY} (core_config_data, website 1): encrypted with mcrypt")
    assert MCRYPT not in message


@pytest.mark.parametrize("kind", [[], [("default", 0, TYPE, "ec2")]])
def test_a_secret_that_nobody_asks_for_need_not_open(kind):
    settings, _ = loaded(rows(("default", 0, KEY, MCRYPT), *kind))
    assert settings.credentials.secret_access_key is None


def test_secrets_are_not_shown():
    saved = rows(("default", 0, KEY, SECRET))
    config = read_store_config(Deployment({}, {}), saved, {})
    assert SECRET not in repr((saved, config, store_layers(config, KEYS)))


def test_a_saved_access_key_counts_where_the_type_is_the_modules_default():
    saved = rows(("default", 0, "aws_eventbridge/credentials/access_key", "AKIA"))
    settings, origins = loaded(saved)
    assert settings.credentials.type == "keys"
    assert origins.of("credentials.type") == "default of the module"
    with pytest.raises(StoreConfigError, match="mcrypt"):
        loaded(rows(*[(r.scope, r.scope_id, r.path, r.value) for r in saved.config],
                    ("default", 0, KEY, MCRYPT)))  # fmt: skip


def test_encrypted_values_are_counted_and_those_that_stay_closed_named():
    opens = ENCRYPTED["values"][0]["encrypted"]
    saved = rows(
        ("default", 0, KEY, opens),
        ("stores", 2, KEY, MCRYPT),
        ("stores", 3, "aws_eventbridge/credentials/access_key", "AKIA"),
    )
    count, closed = closed_values(read_store_config(Deployment({}, {}), saved, {}), KEYS)
    assert count == 1
    assert len(closed) == 1
    assert closed[0].startswith(f"{KEY} (core_config_data, store view 2): encrypted with mcrypt")


# Private fields

PRIVACY = "aws_eventbridge/privacy/"


def test_private_fields_of_a_store_view_are_those_of_its_configuration():
    value = next(value for value in ENCRYPTED["values"] if len(value["plaintext"]) >= 16)
    settings, origins = loaded(
        rows(
            ("default", 0, PRIVACY + "remove", "tracking.ip billingAddress.street"),
            ("websites", 2, PRIVACY + "hash", "customer.email"),
            ("default", 0, PRIVACY + "secret", value["encrypted"]),
        )
    )
    assert settings.view(1).route().privacy == Privacy(
        ("tracking.ip", "billingAddress.street"), (), value["plaintext"]
    )
    assert settings.view(3).route().privacy.hash == ("customer.email",)
    assert origins.of("privacy.remove") == "core_config_data, default"


@pytest.mark.parametrize(("hashed", "is_needed"), [("email", True), (" ", False), (None, False)])
def test_the_secret_of_hashes_must_open_only_where_fields_are_hashed(hashed, is_needed):
    saved = [("default", 0, PRIVACY + "secret", MCRYPT)]
    if hashed is not None:
        saved.append(("default", 0, PRIVACY + "hash", hashed))
    if is_needed:
        with pytest.raises(StoreConfigError, match="privacy/secret .*mcrypt"):
            loaded(rows(*saved))
    else:
        assert loaded(rows(*saved))[0].privacy.secret is None


# The agent's secret

AGENT_SECRET = "aws_eventbridge/agent/secret"
HTTP = ("default", 0, "aws_eventbridge/agent/transport", "http")


def test_the_agents_secret_is_the_inlets():
    value = ENCRYPTED["values"][0]
    settings, origins = loaded(rows(("default", 0, AGENT_SECRET, value["encrypted"])))
    assert [secret.get_secret_value() for secret in settings.inlet.secrets] == [value["plaintext"]]
    assert origins.of("inlet.secrets") == "core_config_data, default"


def test_a_secret_with_a_space_is_one_secret():
    settings, _ = loaded(rows(("default", 0, AGENT_SECRET, "sixteen long and more")))
    assert [s.get_secret_value() for s in settings.inlet.secrets] == ["sixteen long and more"]


@pytest.mark.parametrize("text", ["short", MCRYPT])
def test_a_secret_that_the_agent_does_not_use_need_not_be_usable(text):
    assert loaded(rows(("default", 0, AGENT_SECRET, text)))[0].inlet.secrets == ()


@pytest.mark.parametrize("text", ["", None])
def test_no_secret(text):
    assert loaded(rows(("default", 0, AGENT_SECRET, text), HTTP))[0].inlet.secrets == ()


def test_a_secret_that_the_agent_uses_must_be_usable():
    with pytest.raises(StoreConfigError, match="agent/secret .*mcrypt"):
        loaded(rows(("default", 0, AGENT_SECRET, MCRYPT), HTTP))
    with pytest.raises(SettingsError, match="at least 16 characters"):
        loaded(rows(("default", 0, AGENT_SECRET, "short"), HTTP))


# The database


def test_the_outbox_is_where_the_store_is():
    database = Database("db", 3307, "shop", "me", SECRET, socket="/s", table_prefix="m2_")
    outbox = load([database_layer(database)])[0].outbox
    assert outbox.enabled
    assert (outbox.host, outbox.port, outbox.database, outbox.user) == ("db", 3307, "shop", "me")
    assert (str(outbox.unix_socket), outbox.table_prefix, outbox.tls) == ("/s", "m2_", False)
    assert outbox.password is not None
    assert outbox.password.get_secret_value() == SECRET
    assert SECRET not in repr(database_layer(database))


def test_tls_to_the_database_is_as_the_store_has_it():
    tls = TlsOptions(True, Path("/ca.pem"), Path("/cas"), ciphers="HIGH", verify=False)
    outbox = load([database_layer(Database("db", 1, "s", "me", "", tls=tls))])[0].outbox
    assert (outbox.tls, str(outbox.tls_ca), str(outbox.tls_ca_folder)) == (True, "/ca.pem", "/cas")
    assert (outbox.tls_ciphers, outbox.tls_verify) == ("HIGH", False)
    assert outbox.tls_certificate is None


def test_another_host_leaves_the_stores_socket_out():
    store = [database_layer(Database("localhost", 3306, "s", "me", "", socket="/s"))]
    settings, _ = load(below(store, [Layer("a file", {"outbox": {"host": "db"}})]))
    assert (settings.outbox.host, settings.outbox.unix_socket) == ("db", None)
    settings, _ = load(below(store, [Layer("a file", {"outbox": {"user": "other"}})]))
    assert str(settings.outbox.unix_socket) == "/s"


# What is computed, and constants

CONSTANT = Constant("REGION", "line 3")


@pytest.mark.parametrize(
    "computed",
    [
        {"aws_eventbridge": Computed("line 3")},
        {"aws_eventbridge": {"options": Computed("line 3")}},
        of(REGION, Computed("line 3")),
        {"web": Computed("line 3")},
        {"web": {"unsecure": Computed("line 3")}},
    ],
)
def test_a_computed_value_that_counts_is_reported(computed):
    with pytest.raises(PhpFileError, match="line 3"):
        loaded(rows(), {"default": computed})


@pytest.mark.parametrize("section", [{"aws_eventbridge": CONSTANT}, of(REGION, CONSTANT)])
def test_a_constant_that_counts_is_reported_by_its_name(section):
    with pytest.raises(PhpFileError, match="line 3: the constant REGION: cannot be read"):
        loaded(rows(), {"default": of("web/seo/x", Constant("Y")) | section})


def test_a_computed_value_of_others_is_left_alone():
    others = {"smtp": Computed("x"), "web": {"seo": Computed("x")}, "a/b": Computed("x")}
    assert loaded(rows(), {"default": others})[0] == loaded(rows())[0]


# Among the other layers


def test_the_store_is_below_file_environment_and_command_line():
    saved = rows(
        ("default", 0, REGION, "store"),
        ("default", 0, SOURCE, "store"),
        ("default", 0, BUS, "store"),
        ("default", 0, TYPE, "env"),
        ("stores", 2, REGION, "german"),
        ("stores", 2, BUS, "german"),
        ("stores", 3, SOURCE, "outlet"),
        ("stores", 3, "aws_eventbridge/events_cart/product_added", "1"),
        ("stores", 3, "aws_eventbridge/events_cart/product_removed", "1"),
    )
    later = [
        Layer("a file", {
            "options": {"region": "file", "source": "file"},
            "events": {"cart/product_added": False},
            "stores": {"3": {"options": {"event_bus": "file"}}},
        }),
        environment_layer({"MAGENTO_EVENTBRIDGE_OPTIONS__SOURCE": "environment"}),
        Layer("command line", {"options": {"dry_run_mode": "true"}}),
    ]  # fmt: skip
    settings, origins = load(below(layers(saved), later))

    assert regions(settings) == ["file"] * 4  # overrides view 2's own value in the store
    assert {settings.view(view).options.source for view in range(4)} == {"environment"}
    assert [settings.view(view).options.event_bus for view in range(4)] == [
        "store",
        "store",
        "german",
        "file",
    ]
    assert all(settings.view(view).options.dry_run_mode for view in range(4))
    outlet = settings.view(3)
    assert outlet.credentials.type == "env"
    assert not outlet.events["cart/product_added"]
    assert outlet.events["cart/product_removed"]
    assert origins.of("stores.2.options.region") == "a file"
    assert origins.of("stores.2.options.event_bus") == "core_config_data, store view 2"
    assert origins.of("stores.3.options.event_bus") == "a file"
    assert origins.of("options.source") == "environment"
    assert origins.of("credentials.type") == "core_config_data, default"


def test_a_wrong_value_is_reported_with_its_place_in_the_store():
    with pytest.raises(SettingsError) as caught:
        loaded(rows(("stores", 2, TYPE, "magic")))
    assert "stores.2.credentials.type" in str(caught.value)
    assert "(from core_config_data, store view 2)" in str(caught.value)


def test_an_included_file_that_changes_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    etc = tmp_path / "app/etc"
    etc.mkdir(parents=True)
    (etc / "env.php").write_text("<?php return ['k' => include 'more.php'];")
    contents = iter(["<?php return 'second';", "<?php return 'third';"])
    (etc / "more.php").write_text("<?php return 'first';")

    def read_and_change(*arguments, **options):
        deployment = read_deployment(*arguments, **options)
        if content := next(contents, None):
            (etc / "more.php").write_text(content)
        return deployment

    monkeypatch.setattr("magento_eventbridge.magento.live_store.read_deployment", read_and_change)
    store = LiveStore(tmp_path, [], {})
    assert [store.files().env["k"] for _ in range(4)] == ["first", "second", "third", "third"]
