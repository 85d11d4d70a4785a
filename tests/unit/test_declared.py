"""Declared events and fields: reading them, their types, their conditions, what is refused."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import uuid_utils
from hypothesis import given, settings
from hypothesis import strategies as st

from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.captures import Capture, read_capture
from magento_eventbridge.catalog import BY_DETAIL_TYPE, DOCUMENTED
from magento_eventbridge.catalog.declared import (
    Declaration,
    DeclarationsUnknownError,
    DeclaredField,
    FieldType,
    Trigger,
    UndeclaredEventError,
    cast,
    is_secret,
)
from magento_eventbridge.catalog.event_classes import class_of
from magento_eventbridge.catalog.schema import detail_schema
from magento_eventbridge.declarations import editing, elements, exported, reading
from magento_eventbridge.declarations.catalogs import catalog_of
from magento_eventbridge.declarations.current import CurrentCatalog
from magento_eventbridge.declarations.dispatched import undispatched
from magento_eventbridge.declarations.preview import preview
from magento_eventbridge.delivery.envelope import ConditionNotMetError, build_entry
from magento_eventbridge.delivery.lane import Pending
from magento_eventbridge.delivery.observer import Call
from magento_eventbridge.delivery.ports import Claim
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.delivery.verdicts import Answer, Fate, Verdict
from magento_eventbridge.doctor.declarations import declarations, unused_declarations
from magento_eventbridge.events import OrderPlaced
from magento_eventbridge.journal.recorder import Recorder, Retention
from magento_eventbridge.provisioning import patterns
from magento_eventbridge.settings.model import Settings
from tests.unit.recorded import recorded, varied, without

POINTS = """
<event name="LoyaltyPointsChanged" subject="points">
    <description>A customer's points
        changed.</description>
    <on event="Acme_points_save_after" object="points"/>
    <field name="customer_id" path="customer_id" type="integer"/>
    <field name="tags" path="tags[].name" type="string"/>
</event>"""
PRICE = """
<event name="PriceChanged">
    <on event="catalog_product_save_after" object="product" save="updated"/>
    <changed column="price"/>
    <pattern>{"price": [{"numeric": [">", 10]}]}</pattern>
    <field name="sku" path="sku" type="string"/>
    <field name="price" path="price" type="number"/>
</event>"""
CURRENCY = """
<event name="OrderPlaced">
    <field name="currencyCode" path="order_currency_code" type="string"/>
</event>"""
PLACED = recorded("order-guest", "sales_order_place_after")


def declare(folder: Path, *events: str, name: str = "eventbridge_events.xml") -> Path:
    file = folder / name
    file.write_text(f"<config>{''.join(events)}</config>")
    return file


def read(folder: Path, *events: str) -> reading.Declarations:
    return reading.read_files([declare(folder, *events)])


def capture(declared: str, paths: dict[str, Any], **values: Any) -> Capture:
    body = {
        "id": "01742a63-2a00-7d0e-9f3a-4b1c2d3e4f50",
        "event": "x",
        "time": 1.0,
        "declared": declared,
        "paths": paths,
    }
    return read_capture(json.dumps(body | values))


def route(catalog: Any) -> Route:
    return Route(destination=Destination(region="eu-west-1"), source="shop", catalog=catalog)


def sent(catalog: Any, of: Capture) -> Any:
    event = catalog.event_of(of)
    entry = build_entry(of, event, route(catalog))
    detail = json.loads(entry.detail)
    jsonschema.validate(detail, detail_schema(event))
    del detail["metadata"]
    detail.pop("tracking", None)
    return entry.detail_type, detail


def test_an_own_event_has_the_declared_fields_with_their_types(tmp_path):
    catalog = read(tmp_path, POINTS).catalog()
    of = capture("LoyaltyPointsChanged", {"customer_id": "7", "tags[].name": ["a", 1, None]})
    assert sent(catalog, of) == (
        "LoyaltyPointsChanged",
        {"customer_id": 7, "tags": ["a", "1", None]},
    )
    event = catalog.by_name["LoyaltyPointsChanged"]
    assert event.when == "A customer's points changed."
    assert event.magento_events == ("acme_points_save_after",)
    sample = {**event.sample, "metadata": {"id": "", "date": "", "timestamp": 1, "async": False}}
    jsonschema.validate(sample, detail_schema(event))


def test_an_own_event_shows_the_former_values_of_the_columns_that_changed(tmp_path):
    catalog = read(tmp_path, PRICE).catalog()
    paths = {"sku": "A", "price": "12.0000"}
    of = capture("PriceChanged", paths, original={"price": "11.5000", "cost": 1})
    _, detail = sent(catalog, of)
    assert detail == {"sku": "A", "price": 12, "previous": {"price": 11.5}}


def test_a_pattern_leaves_out_what_does_not_match(tmp_path):
    catalog = read(tmp_path, PRICE).catalog()
    of = capture("PriceChanged", {"sku": "A", "price": 9})
    with pytest.raises(ConditionNotMetError, match="PriceChanged"):
        build_entry(of, catalog.by_name["PriceChanged"], route(catalog))


def test_a_documented_event_gets_the_declared_fields_beside_its_own(tmp_path):
    catalog = read(tmp_path, CURRENCY).catalog()
    of = varied(PLACED, paths={"order_currency_code": "EUR"})
    _, detail = sent(catalog, of)
    assert detail["currencyCode"] == "EUR"
    plain = json.loads(
        build_entry(PLACED, DOCUMENTED.by_name["OrderPlaced"], route(DOCUMENTED)).detail
    )
    assert {**plain, "currencyCode": "EUR"}.items() >= detail.items()


def test_a_path_that_leads_nowhere_is_null_and_reported_once(tmp_path, caplog):
    catalog = read(tmp_path, CURRENCY).catalog()
    with caplog.at_level(logging.WARNING):
        details = [sent(catalog, PLACED)[1] for _ in range(3)]
    assert [detail["currencyCode"] for detail in details] == [None] * 3
    (message,) = caplog.messages
    assert "'order_currency_code' leads nowhere" in message


def test_a_capture_from_the_stores_tables_may_lack_a_declared_path(tmp_path, caplog):
    catalog = read(tmp_path, CURRENCY).catalog()
    _, detail = sent(catalog, varied(PLACED, origin="backfill"))
    assert (detail["currencyCode"], caplog.messages) == (None, [])


def test_paths_that_lead_to_a_column_of_the_entity_itself_are_known(tmp_path):
    with_path = (
        '<event name="OrderUpdated"><field name="street" path="address.street" type="string"/>'
        "</event>"
    )
    assert read(tmp_path, CURRENCY, with_path).catalog().columns == {"order_currency_code"}


@pytest.mark.parametrize(("value", "is_reported"), [("gold", True), ("", False), (None, False)])
def test_a_value_of_another_type_is_null_and_reported_once(tmp_path, caplog, value, is_reported):
    catalog = read(
        tmp_path,
        '<event name="OrderPlaced"><field name="level" path="level" type="integer"/></event>',
    ).catalog()
    capture = varied(PLACED, paths={"level": value})
    with caplog.at_level(logging.WARNING):
        details = [sent(catalog, capture)[1] for _ in range(3)]
    assert [detail["level"] for detail in details] == [None] * 3
    assert len(caplog.messages) == is_reported
    assert all("'level' leads to what is not of the type integer" in m for m in caplog.messages)


def test_a_capture_of_an_event_that_is_not_declared_says_so():
    with pytest.raises(UndeclaredEventError, match="not declared in eventbridge_events.xml"):
        DOCUMENTED.event_of(capture("Gone", {}))


def test_without_declarations_a_capture_of_an_own_event_waits():
    with pytest.raises(DeclarationsUnknownError, match="Own"):
        catalog_of((), is_known=False).event_of(capture("Own", {}))
    assert catalog_of((), is_known=False).event_of(PLACED) is not None


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ('<event name="A"/>', "no <on event"),
        ('<event><on event="x"/></event>', "<event> needs name"),
        (
            '<event name="A"><on event="x"/><field name="a" path="b" type="money"/></event>',
            "'money'",
        ),
        (
            '<event name="A"><on event="x"/><field name="a" path="b"/></event>',
            "field 'a': <field> needs name, path and type",
        ),
        ('<event name="A"><on event="x"/><pattern>{</pattern></event>', "not JSON"),
        ('<event name="A"><on event="x"/><pattern>[]</pattern></event>', "must be a JSON object"),
        (
            PRICE.strip().replace("PriceChanged", "A").replace('{"price"', '{"prise"'),
            "Did you mean|no such field",
        ),
        ('<event name="OrderPlaced"><on event="x"/></event>', "only fields and a pattern"),
        (
            '<event name="OrderPlaced"><field name="total" path="x" type="string"/></event>',
            "'total': the detail already has",
        ),
        (
            '<event name="OrderPlaced"><field name="currency" path="x" type="string"/></event>',
            "'currency': the detail already has",
        ),
        (
            '<event name="OrderPlaced"><field name="entity_id" path="x" type="string"/></event>',
            "'entity_id': the detail already has",
        ),
        (
            '<event name="A"><on event="x"/><changed column="x"/>'
            '<field name="previous" path="x" type="string"/></event>',
            "'previous': the detail already has",
        ),
        (
            '<event name="A"><on event="x"/>'
            '<field name="tracking" path="x" type="string"/></event>',
            "'tracking': the detail already has",
        ),
        (
            '<event name="StateSaved"><field name="a" path="x" type="string"/></event>',
            "carts, orders, documents and customers only",
        ),
        (
            '<event name="A"><on event="x"/><field name="a" path="b" type="string"/>'
            '<field name="a" path="c" type="string"/></event>',
            "declared twice",
        ),
        (
            '<event name="A"><on event="x"/><field name="a" path="customer.password_hash" '
            'type="string"/></event>',
            "a secret or to card data",
        ),
        ('<event name="A"><on event="x"/><fields/></event>', "fields"),
        ('<happening name="A"/>', "<config> has only <event>, not <happening>"),
        ('<event name="Price Changed"/>', "name 'Price Changed' must be letters, digits"),
        ('<event name="A" type="x"/>', "no attribute 'type'; there are name, subject"),
        ('<event name="A">on</event>', "<event> must not have text of its own"),
        ('<event name="OrderPlacd"/>', "did you mean 'OrderPlaced'?"),
        (
            '<event name="A"><field name="a" path="x" type="string"/><on event="x"/></event>',
            "event 'A': <on> is too late: the order is description, on, changed, pattern, field",
        ),
        (
            '<event name="A"><description/><description/><on event="x"/></event>',
            "there can be only one <description>",
        ),
        ('<event name="A"><on event="x" save="new"/></event>', "one of any, created, updated"),
        *(
            (
                f'<event name="A"><on event="x"/><field name="a" path="x" type="{kind}"/></event>',
                f"field 'a': type '{kind}' must be one of string, integer, number, boolean, "
                f"object, array; did you mean '{meant}'?",
            )
            for kind, meant in (("int", "integer"), ("decimal", "number"), ("strng", "string"))
        ),
        *(
            (
                f'<event name="A"><on event="x"/><field name="a" path="{path}" type="string"/>'
                "</event>",
                hint,
            )
            for path, hint in (
                ("getPriceInfo()", "for getPriceInfo() write price_info"),
                ("items[0].sku", "a single member of an array cannot be named"),
                ("*", "a wildcard can only be the end of a path"),
                ("items sku", "must be names with dots between, as customer.email"),
                ("payment.*", "the values of 'payment.*' are an object: set its type"),
                ("a." * 130 + "b", "must be names with dots between, as customer.email"),
            )
        ),
    ],
)
def test_a_wrong_declaration_is_refused_with_file_and_line_and_the_others_go_on(
    tmp_path, event, reason
):
    file = declare(tmp_path, "\n\n", event, POINTS)
    declared = reading.read_files([file])
    (fault,) = declared.faults
    assert (fault.file, fault.line) == (str(file), 3)
    assert any(part in fault.reason for part in reason.split("|")), fault.reason
    assert [event.name for event in declared.events] == ["LoyaltyPointsChanged"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<config>",
        "<other/>",
        '<!DOCTYPE c [<!ENTITY e SYSTEM "file:///etc/passwd">]>&e;',
        '<!DOCTYPE c [<!ENTITY e SYSTEM "file:///etc/passwd">]><config><event name="A">'
        '<description>&e;</description><on event="x"/></event></config>',
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path, text):
    bad = tmp_path / "bad.xml"
    bad.write_text(text)
    declared = reading.read_files([bad, declare(tmp_path, POINTS)])
    assert [fault.file for fault in declared.faults] == [str(bad)]
    assert [event.name for event in declared.events] == ["LoyaltyPointsChanged"]


def test_a_file_in_another_encoding_than_it_says_is_refused_with_what_to_do(tmp_path):
    file = declare(tmp_path, '<event name="A"><description>Größe</description></event>')
    file.write_bytes(file.read_text("utf-8").encode("latin-1"))
    (fault,) = reading.read_files([file]).faults
    assert "save the file in UTF-8, or name its encoding in the first line" in fault.reason
    named = b'<?xml version="1.0" encoding="ISO-8859-1"?>' + file.read_bytes()
    file.write_bytes(named.replace(b"</event>", b'<on event="x"/></event>'))
    (event,) = reading.read_files([file]).events
    assert event.description == "Größe"


def test_a_processing_instruction_is_passed_over(tmp_path):
    (event,) = reading.read_files([declare(tmp_path, "<?php echo 1 ?>", POINTS)]).events
    assert event.name == "LoyaltyPointsChanged"


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    declared = reading.read_files([tmp_path / "missing.xml"])
    assert "No such file" in str(declared.faults[0])


def test_later_files_are_merged_over_former_ones(tmp_path):
    later = (
        '<event name="LoyaltyPointsChanged"><on event="acme_points_delete_after"/>'
        '<field name="customer_id" path="owner.id" type="string"/></event>'
    )
    files = [declare(tmp_path, POINTS), declare(tmp_path, later, name="later.xml")]
    (event,) = reading.read_files(files).events
    assert [trigger.event for trigger in event.triggers] == [
        "acme_points_save_after",
        "acme_points_delete_after",
    ]
    assert [(field.path, field.type) for field in event.fields] == [
        ("owner.id", "string"),
        ("tags[].name", "string"),
    ]
    assert event.subject == "points"


def store(root: Path) -> Path:
    """Create a store's folder with two modules, of which one is disabled."""
    for name in ("Points", "Off"):
        folder = root / "app/code/Acme" / name / "etc"
        folder.mkdir(parents=True)
        (folder / "module.xml").write_text(f'<config><module name="Acme_{name}"/></config>')
    declare(root / "app/code/Acme/Points/etc", POINTS)
    declare(root / "app/code/Acme/Off/etc", PRICE)
    (root / "app/etc").mkdir()
    (root / "app/etc/env.php").write_text("<?php return [];")
    modules = "['modules' => ['Acme_Points' => 1, 'Acme_Off' => 0]]"
    (root / "app/etc/config.php").write_text(f"<?php return {modules};")
    declare(root / "app/etc", CURRENCY)
    return root


def test_the_files_of_enabled_modules_and_of_the_shop_are_read(tmp_path):
    declared = reading.read_store(store(tmp_path))
    assert [event.name for event in declared.events] == ["LoyaltyPointsChanged", "OrderPlaced"]
    assert declared.events[1].place == "app/etc/eventbridge_events.xml:2"


def test_what_is_exported_is_read_as_the_same(tmp_path):
    declared = reading.read_store(store(tmp_path))
    file = tmp_path / "declarations.json"
    exported.write(file, declared.events)
    assert exported.read(file) == declared.events


@pytest.mark.parametrize("text", ["", "{}", '{"events": [{"name": 1}]}', "\xff"])
def test_what_is_no_export_is_refused(tmp_path, text):
    file = tmp_path / "declarations.json"
    file.write_text(text)
    with pytest.raises(exported.ExportError, match="not a file of 'events export'"):
        exported.read(file)


def test_declarations_are_read_again_when_a_file_changes(tmp_path):
    root = store(tmp_path)
    current = CurrentCatalog(Settings(magento_root=root))
    assert current.catalog.own == {"LoyaltyPointsChanged"}
    assert not current.refresh()
    declare(root / "app/etc", PRICE)
    assert current.refresh()
    assert current.catalog.own == {"LoyaltyPointsChanged", "PriceChanged"}


def test_a_bridge_without_the_stores_folder_waits_for_the_exported_file(tmp_path, caplog):
    file = tmp_path / "declarations.json"
    current = CurrentCatalog(Settings(declarations_file=file))
    assert not current.catalog.is_known
    assert "own events wait" in caplog.text
    exported.write(file, reading.read_files([declare(tmp_path, POINTS)]).events)
    assert current.refresh()
    assert current.catalog.own == {"LoyaltyPointsChanged"}
    assert not CurrentCatalog(Settings()).catalog.is_known


def test_the_doctor_reports_what_is_refused_and_how_many_are_used(tmp_path):
    root = store(tmp_path)
    assert [str(finding) for finding in declarations(Settings(magento_root=root))] == [
        "ok    declarations: 2 are used"
    ]
    declare(root / "app/etc", '<event name="A"/>')
    refused, used = declarations(Settings(magento_root=root))
    assert not refused.is_well
    assert "app/etc/eventbridge_events.xml, line 1: event 'A': no <on" in str(refused)
    assert used.is_well
    (root / "app/code/Acme/Points/etc/eventbridge_events.xml").unlink()
    (root / "app/etc/eventbridge_events.xml").unlink()
    assert declarations(Settings(magento_root=root)) == []
    assert declarations(Settings()) == []


def test_the_doctor_reports_a_file_of_declarations_that_is_missing(tmp_path):
    file = tmp_path / "declarations.json"
    (finding,) = declarations(Settings(declarations_file=file))
    assert (finding.state, "own events wait" in finding.message) == ("FAIL", True)
    exported.write(file, read(tmp_path, POINTS).events)
    (finding,) = declarations(Settings(declarations_file=file))
    assert (finding.state, finding.message) == ("ok", f"1 in {file}")


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("$this->events->dispatch('acme_points_spent', []);", "acme_points_spent"),
        ('$e->dispatch("Acme_Points_Spent", []);', "acme_points_spent"),
        ("protected $_eventPrefix = 'acme_points';", "acme_points_save_commit_after"),
        ("dispatch('controller_action_postdispatch_' . $n)", "controller_action_postdispatch_a_b"),
        ('dispatch("acme_points_section_{$name}")', "acme_points_section_tax"),
    ],
)
def test_an_event_that_a_module_dispatches_is_found(tmp_path, code, event):
    module = tmp_path / "vendor/acme/module-points"
    (module / "Model").mkdir(parents=True)
    (module / "registration.php").write_text("<?php")
    (module / "Model/Points.php").write_text(f"<?php {code}")
    (module / "Model/broken.php").symlink_to(tmp_path / "nowhere")
    assert undispatched(tmp_path, {event, "acme_pointz_save_after"}) == {"acme_pointz_save_after"}
    assert undispatched(tmp_path, {event}) == set()


async def test_the_doctor_warns_of_events_that_no_module_dispatches(tmp_path):
    root = store(tmp_path)
    (root / "app/code/Acme/Points/registration.php").write_text("'acme_point'")
    (finding,) = await unused_declarations(Settings(magento_root=root))
    assert finding.state == "warn"
    assert "event 'LoyaltyPointsChanged'" in finding.message
    assert "no module of the store dispatches 'acme_points_save_after'" in finding.message


async def test_the_doctor_warns_of_fields_that_were_always_null(tmp_path):
    file = tmp_path / "declarations.json"
    exported.write(file, read(tmp_path, POINTS, PRICE).events)
    given = {
        "declarations_file": file,
        "console": {"enabled": True},
        "journal": {"path": tmp_path / "journal.sqlite"},
    }
    assert await unused_declarations(Settings.model_validate(given)) == []  # no journal yet
    journal = Recorder(tmp_path / "journal.sqlite", Retention())
    journal.open()
    catalog = CurrentCatalog(Settings(declarations_file=file)).catalog
    bodies = [
        capture("LoyaltyPointsChanged", {"customer_id": 7}, id=str(uuid_utils.uuid7()))
        for _ in range(3)
    ]
    bodies.append(capture("PriceChanged", {"price": 12}))
    for of in bodies:
        event = catalog.by_name[str(of.declared)]
        entry = build_entry(of, event, route(catalog))
        pending = Pending(Claim(1, b"{}"), entry, "", of.id, "", 0)
        answer = Answer(200, [])
        verdicts = [Verdict(Fate.DELIVERED)]
        journal.called(Call(1.0, 0.1, Destination("eu-west-1"), [pending], verdicts, answer))
    journal.close()
    (finding,) = await unused_declarations(Settings.model_validate(given))
    assert "field 'tags' of event 'LoyaltyPointsChanged' was null in all of its last 3" in str(
        finding
    )
    given["journal"]["personal_data"] = "leave_out"
    assert await unused_declarations(Settings.model_validate(given)) == []


def test_the_examples_to_copy_from_are_right():
    declared = reading.read_files([Path(__file__).parents[2] / "examples/eventbridge_events.xml"])
    assert declared.faults == ()
    assert len(declared.events) == 19
    for event in declared.catalog().events[-19:]:
        assert "Declared by the shop" not in event.when


PRICE_EVENT: dict[str, Any] = {
    "fields": ["sku=sku:string", "price=price:number"],
    "on": ["catalog_product_save_after"],
    "data_object": "product",
    "save": "updated",
    "changed": ["price"],
    "pattern": '{"price": [{"numeric": [">", 1]}]}',
    "subject": "product",
    "description": "A price changed.",
}


def test_subscribe_declares_an_event_and_unsubscribe_removes_it(tmp_path):
    root = store(tmp_path)
    file = root / reading.SHOPS_OWN
    file.write_text("<config><!-- ours -->" + CURRENCY + "</config>")
    declared = editing.subscribe(root, elements.event("PriceChanged", **PRICE_EVENT))
    assert declared.changed == ("price",)
    assert "<!-- ours -->" in file.read_text()
    assert reading.read_store(root).faults == ()
    names = [event.name for event in reading.read_store(root).events]
    assert names == ["LoyaltyPointsChanged", "OrderPlaced", "PriceChanged"]

    again = elements.event("PriceChanged", **PRICE_EVENT | {"changed": ["cost"]})
    assert editing.subscribe(root, again).changed == ("cost",)
    editing.unsubscribe(root, "PriceChanged")
    assert [event.name for event in reading.read_store(root).events] == names[:2]


def test_subscribe_adds_fields_to_what_the_shop_declares(tmp_path):
    root = store(tmp_path)
    file = root / reading.SHOPS_OWN
    file.write_text(f"<config>{CURRENCY.replace('<field', '<!-- why --><field', 1)}</config>")
    added = elements.event("OrderPlaced", fields=["quote=quote_id:integer"])
    declared = editing.subscribe(root, added)
    assert [field.name for field in declared.fields] == ["currencyCode", "quote"]
    assert "<!-- why -->" in file.read_text()
    changed = elements.event("OrderPlaced", fields=["currencyCode=base_currency_code:string"])
    declared = editing.subscribe(root, changed)
    assert {field.name: field.path for field in declared.fields} == {
        "quote": "quote_id",
        "currencyCode": "base_currency_code",
    }

    editing.subscribe(root, elements.event("PriceChanged", **PRICE_EVENT))
    more = elements.event("PriceChanged", fields=["cost=cost:number"], description="Another.")
    declared = editing.subscribe(root, more)
    assert declared.description == "Another."
    assert declared.changed == ("price",)
    assert [trigger.event for trigger in declared.triggers] == ["catalog_product_save_after"]
    assert "cost" in {field.name for field in declared.fields}
    assert len(declared.fields) > 1
    assert reading.read_store(root).faults == ()


def test_a_dry_run_checks_and_changes_nothing(tmp_path):
    root = store(tmp_path)
    before = (root / reading.SHOPS_OWN).read_bytes()
    event = elements.event("PriceChanged", **PRICE_EVENT)
    assert editing.subscribe(root, event, dry_run=True).name == "PriceChanged"
    assert (root / reading.SHOPS_OWN).read_bytes() == before


def _declaration(folder: Path, event: str) -> Declaration:
    (declared,) = read(folder, event).events
    return declared


def test_a_preview_shows_what_captures_would_become(tmp_path):
    declared = _declaration(
        tmp_path,
        """<event name="OrderPlaced"><pattern>{"total": [{"numeric": [">", 1]}]}</pattern>
        <field name="currencyCode" path="order_currency_code" type="string"/>
        <field name="skus" path="items[].sku" type="string"/>
        <field name="gift" path="payment.gift" type="string"/>
        <field name="names" path="items[].nothing" type="string"/>
        <field name="ids" path="increment_id[].id" type="string"/></event>""",
    )
    other = recorded("admin-login-fail", "backend_auth_user_login_failed")
    small = varied(PLACED, snapshot={"grand_total": 0})
    broken = without(PLACED, "increment_id")
    texts = [msgspec.json.encode(of).decode() for of in (small, PLACED, other, broken)]
    shown = preview(declared, ["{broken", *texts, json.dumps({"event": "x"})])
    assert (shown.captures, shown.left_out) == (2, 1)
    assert shown.detail
    assert shown.detail["id"] == PLACED.snapshot["increment_id"]
    assert shown.detail["skus"] == [item["sku"] for item in PLACED.snapshot["items"]]
    assert {"gift", "names", "ids"} <= shown.unknown
    assert shown.detail["gift"] is None


def test_a_preview_of_an_own_event_reads_captures_of_its_magento_event(tmp_path):
    texts = [
        json.dumps({**json.loads(msgspec.json.encode(of)), "event": "Acme_points_save_after"})
        for of in (capture("Other", {"customer_id": "7"}), capture("Other", {}))
    ]
    shown = preview(_declaration(tmp_path, POINTS), texts)
    assert (shown.captures, shown.left_out) == (2, 0)
    assert shown.detail == {"customer_id": 7, "tags": None}
    assert shown.unknown == {"tags"}
    assert preview(_declaration(tmp_path, POINTS), []).detail is None


def test_subscribe_creates_the_file(tmp_path):
    root = store(tmp_path)
    (root / reading.SHOPS_OWN).unlink()
    editing.subscribe(root, elements.event("OrderPlaced", fields=["quote=quote_id:integer"]))
    assert reading.read_store(root).faults == ()
    assert "eventbridge_events.xsd" in (root / reading.SHOPS_OWN).read_text()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fields": ["hash=password_hash:string"]}, "a secret"),
        ({"fields": ["a=b:money"]}, "money"),
        ({"on": []}, "no <on event"),
        ({"pattern": '{"prise": [1]}'}, "no such field"),
    ],
)
def test_subscribe_refuses_what_would_be_refused_and_changes_nothing(tmp_path, changes, reason):
    root = store(tmp_path)
    before = (root / reading.SHOPS_OWN).read_text()
    with pytest.raises(editing.EditError, match=reason):
        editing.subscribe(root, elements.event("PriceChanged", **PRICE_EVENT | changes))
    assert (root / reading.SHOPS_OWN).read_text() == before


def test_a_field_of_another_form_is_refused():
    with pytest.raises(ValueError, match="NAME=PATH:TYPE"):
        elements.event("A", fields=["sku"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [("LoyaltyPointsChanged", "events_declared/LoyaltyPointsChanged = 0"), ("Gone", "not declare")],
)
def test_unsubscribe_says_what_to_do_where_the_shop_does_not_declare_it(tmp_path, name, reason):
    with pytest.raises(editing.EditError, match=reason):
        editing.unsubscribe(store(tmp_path), name)


def test_rules_know_own_events_and_their_fields(tmp_path):
    catalog = reading.read_store(store(tmp_path)).catalog()
    event = catalog.by_name["LoyaltyPointsChanged"]
    known = [patterns.known(event, event.detail_type)]
    made = patterns.make(["shop"], known, filters=["customer_id=7"])
    assert made["detail"] == {"customer_id": [7]}
    with pytest.raises(patterns.PatternError, match="did you mean 'customer_id'"):
        patterns.make(["shop"], known, filters=["custmer_id=7"])


def test_an_own_event_has_a_class_as_the_documented_ones_have(tmp_path):
    event = reading.read_store(store(tmp_path)).catalog().by_name["LoyaltyPointsChanged"]
    assert class_of(event).model_fields["detail"].annotation is event.detail
    assert class_of(BY_DETAIL_TYPE["OrderPlaced"]) is OrderPlaced


def test_new_declarations_change_the_routes():
    routes = Routes(Settings())
    assert routes(1).catalog is DOCUMENTED
    assert routes.use(catalog_of(())) == {1}
    assert routes.renew(Settings()) == set()


def test_an_own_event_is_switched_off_by_its_setting():
    settings_ = Settings.model_validate({"events": {"declared": {"PriceChanged": False}}})
    assert settings_.route().switched_off == {"aws_eventbridge/events_declared/PriceChanged"}


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (12, "string", "12"),
        (True, "string", "true"),
        ([1], "string", None),
        ("12.0000", "integer", 12),
        ("12.5", "integer", None),
        ("", "integer", None),
        ("12.50", "number", 12.5),
        ("many", "number", None),
        ("1", "boolean", True),
        ("", "boolean", False),
        ("maybe", "boolean", None),
        ({"a": 1}, "object", {"a": 1}),
        ([], "object", {}),
        ([1], "object", None),
        ({"3": "a", "4": "b"}, "array", ["a", "b"]),
        ("a", "array", None),
        (None, "boolean", None),
    ],
)
def test_values_are_cast_to_the_declared_type(value, kind: FieldType, expected):
    result = cast(value, kind)
    assert result == expected
    assert type(result) is type(expected)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
TYPES: list[FieldType] = ["string", "integer", "number", "boolean", "object", "array"]
CHECKS: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
}


@settings(deadline=None, max_examples=200)
@given(value=JSON, kind=st.sampled_from(TYPES))
def test_a_cast_value_always_has_its_type_or_is_null(value: Any, kind: FieldType) -> None:
    result = cast(value, kind)
    assert result is None or isinstance(result, CHECKS[kind])
    assert kind == "boolean" or not isinstance(result, bool)


SECRETS = [
    "password_hash", "customer.rp_token", "payment.cc_number_enc", "payment.cc_last_4",
    "api_key", "client_secret", "payment.additional_information", "protect_code", "cvv",
    "items[].access_token", "private_key", "session_id", "passwd",
]  # fmt: skip
HARMLESS = [
    "url_key", "sku", "order_currency_code", "payment.method", "account_id", "occurrence",
    "description", "special_price", "company", "keyword", "accompanied", "pin_code_area",
]  # fmt: skip


NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
LISTED = st.tuples(NAMES, st.booleans())


@settings(max_examples=50, deadline=None)
@given(st.lists(LISTED, min_size=1, max_size=4), st.text(max_size=9))
def test_a_path_leads_to_the_value_that_is_at_its_end(steps: Any, value: str) -> None:
    path = ".".join(f"{name}[]" if is_list else name for name, is_list in steps)
    snapshot: Any = value
    for name, is_list in reversed(steps):
        snapshot = {name: [snapshot] if is_list else snapshot}
    expected: Any = value
    for _, is_list in reversed(steps):
        expected = [expected] if is_list else expected
    declared = Declaration(
        name="A",
        place="x:1",
        triggers=(Trigger("x"),),
        fields=(DeclaredField("value", path, "array" if "[]" in path else "string"),),
    )
    body = json.dumps(
        {"id": "01742a63-2a00-7d0e-9f3a-4b1c2d3e4f50", "event": "x", "time": 1}
        | {"snapshot": snapshot}
    )
    assert preview(declared, [body]).detail == {"value": expected}
    longer = replace(declared, fields=(DeclaredField("value", f"{path}.more", "string"),))
    assert preview(longer, [body]).unknown == {"value"}


@given(
    st.lists(LISTED, max_size=3),
    st.sampled_from(["password_hash", "api_key", "cc_number", "rp_token", "Secret"]),
    st.lists(LISTED, max_size=3),
)
def test_a_secret_is_refused_wherever_it_is_in_a_path(before: Any, secret: str, after: Any) -> None:
    steps = [*before, (secret, False), *after]
    assert is_secret(".".join(f"{name}[]" if is_list else name for name, is_list in steps))


def test_secrets_and_card_data_are_known_by_name():
    assert [path for path in SECRETS if not is_secret(path)] == []
    assert [path for path in HARMLESS if is_secret(path)] == []


def test_the_agent_refuses_the_same_names():
    agent = Path(__file__).parents[2] / "agent/Declared/SecretNames.php"
    text = agent.read_text()
    pattern = text.partition("PATTERN = ")[2].partition(";")[0]
    joined = "".join(part for part in pattern.split("'")[1::2])
    ours = (Path(__file__).parents[2] / "src/magento_eventbridge/catalog/declared.py").read_text()
    expression = ours.partition("_SECRET = re.compile(")[2].partition("re.IGNORECASE")[0]
    assert joined == f"/{''.join(part for part in expression.split(chr(34))[1::2])}/i"
