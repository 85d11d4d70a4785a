"""What consumers get of a shop's own events: classes in Python and TypeScript, schemas, samples."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV30SpecValidator

from magento_eventbridge import events
from magento_eventbridge.catalog.declared import Declaration, DeclaredField, Trigger
from magento_eventbridge.cli.samples import sample_event
from magento_eventbridge.declarations import exported, reading
from magento_eventbridge.declarations.catalogs import catalog_of
from magento_eventbridge.delivery.observer import Settlement
from magento_eventbridge.delivery.ports import Claim
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.journal.recorder import Recorder, Retention
from magento_eventbridge.provisioning import python_code, typescript_code
from tests.support.typescript import compiler_says
from tests.unit.recorded import recorded, varied
from tests.unit.test_cli import command, nothing_of_this_machine, words  # noqa: F401

PROJECT = Path(__file__).parents[2]
DECLARED = """<config>
<event name="PriceChanged">
    <description>The "price" of a product changed.</description>
    <on event="catalog_product_save_after" object="product"/>
    <changed column="special_price"/>
    <field name="price" path="price" type="number"/>
    <field name="specialPrice" path="special_price" type="number"/>
    <field name="list" path="tags[].name" type="string"/>
    <field name="class" path="tax_class" type="integer"/>
    <field name="model_dump" path="extra" type="object"/>
</event>
<event name="Address"><on event="customer_address_save_after"/></event>
<event name="points.changed-now"><on event="points_save_after"/></event>
<event name="OrderPlaced">
    <field name="entityID" path="entity_id" type="string"/>
    <field name="skus" path="items[].sku" type="array"/>
</event>
<event name="OrderCreated"><pattern>{"total": [{"numeric": [">", 10]}]}</pattern></event>
</config>"""
OWN = ("PriceChanged", "Address", "points.changed-now")


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    (tmp_path / "declared.xml").write_text(DECLARED)
    declared = reading.read_files([tmp_path / "declared.xml"])
    assert declared.faults == ()
    exported.write(tmp_path / "declared.json", declared.events)
    return declared.catalog()


def imported(folder: Path, text: str) -> Any:
    file = folder / "shop_events.py"
    file.write_text(text)
    spec = importlib.util.spec_from_file_location("shop_events", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["shop_events"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["shop_events"]
    return module


def event(catalog: Any, name: str, **changes: Any) -> dict[str, Any]:
    sample = sample_event(name, Route(Destination("eu-west-1"), "shop", catalog=catalog))
    return sample | {"detail": sample["detail"] | changes}


def test_the_python_module_reads_own_and_documented_events(tmp_path, catalog):
    shop = imported(tmp_path, python_code.module(catalog, {"StateSaved": "IndexerStateSaved"}))

    price = shop.parse(event(catalog, "PriceChanged", price=9.5, previous={"specialPrice": 8}))
    assert type(price) is shop.PriceChanged
    assert (price.detail.price, price.detail.previous.special_price) == (9.5, 8)
    assert price.detail.list_ == ["text"]
    assert price.detail.class_ == 1
    assert price.model_dump(by_alias=True)["detail"]["model_dump"] == {}

    placed = shop.parse(event(catalog, "OrderPlaced"))
    assert issubclass(type(placed), events.OrderPlaced)
    assert (placed.detail.entity_id_, placed.detail.entity_id) == ("text", None)
    assert placed.detail.skus == []
    assert type(shop.parse(event(catalog, "OrderCreated"))) is events.OrderCreated
    assert type(shop.parse(event(catalog, "points.changed-now"))) is shop.PointsChangedNow

    renamed = event(catalog, "StateSaved") | {"detail-type": "IndexerStateSaved"}
    handled: list[Any] = []
    assert shop.handle_all([renamed], handled.append) == {"batchItemFailures": []}
    assert type(handled[0]) is events.StateSaved
    with pytest.raises(events.UnknownEventError):
        shop.parse(renamed, renamed={})


def test_the_python_module_accepts_events_from_before_a_field_was_declared(tmp_path, catalog):
    shop = imported(tmp_path, python_code.module(catalog, {}))
    former = event(catalog, "OrderPlaced")
    del former["detail"]["skus"]
    assert shop.parse(former).detail.skus is None


def test_the_python_module_without_declarations_has_the_documented_events(tmp_path):
    shop = imported(tmp_path, python_code.module(catalog_of(()), {}))
    assert shop.CLASSES == events.CLASSES


def test_the_python_module_satisfies_a_type_checker(tmp_path, catalog):
    (tmp_path / "shop_events.py").write_text(python_code.module(catalog, {"StateSaved": 'a"b'}))
    (tmp_path / "use.py").write_text(
        "from shop_events import AnyEvent, OrderPlaced, PriceChanged, handle_all, parse\n"
        "def use(event: AnyEvent) -> None:\n"
        "    match event:\n"
        "        case PriceChanged(detail=price):\n"
        "            reveal_type(price.previous.special_price)\n"
        "        case OrderPlaced(detail=order):\n"
        "            reveal_type(order.skus)\n"
        "            reveal_type(order.total)\n"
        "use(parse({}))\n"
        "handle_all([], use)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "use.py"],
        cwd=tmp_path,
        env={"MYPYPATH": f"{PROJECT / 'src'}", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert "Success" in ran.stdout, ran.stdout
    for expected in ("list[", "int | float"):
        assert expected in ran.stdout.replace("builtins.", ""), ran.stdout


FIELDS = st.builds(
    DeclaredField,
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,12}", fullmatch=True),
    st.sampled_from(["price", "tags[].name", "special_price"]),
    st.sampled_from(["string", "integer", "number", "boolean", "object", "array"]),
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(
        st.from_regex(r"[A-Za-z][A-Za-z0-9_.\-]{0,12}", fullmatch=True), max_size=4, unique=True
    ),
    fields=st.lists(FIELDS, max_size=6, unique_by=lambda field: field.name),
)
def test_any_names_give_a_module_that_reads_their_samples(tmp_path, names, fields):
    kept = tuple(field for field in fields if field.name not in ("metadata", "tracking"))
    catalog = catalog_of(
        Declaration(name=name, place="x:1", triggers=(Trigger("x"),), fields=kept)
        for name in names
        if name not in events.CLASSES
    )
    shop = imported(tmp_path, python_code.module(catalog, {}))
    for name in catalog.own:
        sample = event(catalog, name)
        read = shop.parse(sample).model_dump(by_alias=True, mode="json")["detail"]
        assert {field.name: read[field.name] for field in kept} == {
            field.name: sample["detail"][field.name] for field in kept
        }
    assert "export type AnyEvent" in typescript_code.declarations(catalog)


@pytest.mark.external
def test_the_typescript_file_satisfies_the_compiler(tmp_path, catalog):
    text = typescript_code.declarations(catalog, {"StateSaved": "IndexerStateSaved"})
    (tmp_path / "shop.d.ts").write_text(text)
    samples = [event(catalog, name) for name in (*OWN, "OrderPlaced", "OrderCreated")]
    samples.append(event(catalog, "StateSaved") | {"detail-type": "IndexerStateSaved"})
    (tmp_path / "use.ts").write_text(
        'import { AnyEvent, PriceChanged } from "./shop";\n'
        f"export const all: AnyEvent[] = {json.dumps(samples)};\n"
        "export const former = (of: PriceChanged) => of.detail.previous.specialPrice;\n"
    )
    assert compiler_says(tmp_path / "use.ts") == ""


def test_events_generate_writes_both_languages(command, tmp_path, catalog):
    python, typescript = tmp_path / "shop.py", tmp_path / "shop.d.ts"
    declared = f"declarations_file={tmp_path / 'declared.json'}"
    ran = command("events", "generate", python, typescript, "--set", declared)
    assert (ran.status, ran.err) == (0, "")
    assert "40 events, 3 of the shop's own" in words(ran.out)
    assert python.read_text() == python_code.module(catalog, {})
    assert typescript.read_text() == typescript_code.declarations(catalog)

    ran = command("events", "generate", tmp_path / "shop.js")
    assert (ran.status, ran.out) == (2, "")
    ran = command("events", "generate", tmp_path / "no/folder.py")
    assert (ran.status, ran.out) == (2, "")
    assert "only documented events are known" in words(ran.err)


def test_schemas_export_has_own_events_and_fields(command, tmp_path, catalog):
    declared = f"declarations_file={tmp_path / 'declared.json'}"
    settings = ["--set", declared, "--set", "options.source=shop"]
    ran = command("schemas", "export", tmp_path / "out", *settings)
    assert (ran.status, ran.err) == (0, "")
    for name in (*OWN, "OrderPlaced", "OrderCreated"):
        schema = json.loads((tmp_path / f"out/jsonschema/{name}.json").read_text())
        validator = jsonschema.Draft202012Validator(schema)
        validator.validate(event(catalog, name))
        assert not validator.is_valid(event(catalog, name) | {"detail-type": "Other"})
        draft4 = json.loads((tmp_path / f"out/jsonschema-draft4/{name}.json").read_text())
        jsonschema.Draft4Validator(draft4).validate(event(catalog, name))
        document = json.loads((tmp_path / f"out/openapi3/{name}.json").read_text())
        OpenAPIV30SpecValidator(document).validate()
    price = json.loads((tmp_path / "out/jsonschema/PriceChanged.json").read_text())
    assert not jsonschema.Draft202012Validator(price).is_valid(
        event(catalog, "PriceChanged", price="9.5")
    )
    messages = json.loads((tmp_path / "out/asyncapi.json").read_text())["components"]["messages"]
    assert set(OWN) < set(messages)
    assert (tmp_path / "out/events.d.ts").read_text() == typescript_code.declarations(catalog)


def test_send_test_and_iam_know_own_events(command, tmp_path, catalog):
    declared = f"declarations_file={tmp_path / 'declared.json'}"
    ran = command(
        "send-test", "PriceChanged", "--set", declared, "--set", "options.dry_run_mode=true"
    )
    assert ran.status == 0
    assert "PriceChanged of" in ran.out
    assert "[specialPrice] => 9.5" in ran.err
    ran = command("send-test", "Nothing", "--set", declared)
    assert (ran.status, ran.out) == (2, "")

    options = ["--detail-types", "--account", "123456789012", "--set", declared]
    ran = command("iam", "policy", *options, "--set", "options.region=eu-west-1")
    assert ran.status == 0
    assert all(name in ran.out for name in OWN)


def test_subscribe_shows_a_preview_and_can_change_nothing(command, tmp_path):
    (tmp_path / "app/etc").mkdir(parents=True)
    (tmp_path / "app/etc/env.php").write_text("<?php return [];")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/magento").touch()
    config = tmp_path / "bridge.toml"
    config.write_text(
        f'[console]\nenabled = true\n[journal]\npath = "{tmp_path / "journal.sqlite"}"\n'
    )
    given = ["--config", config]
    given += ["--field", "skus=items[].sku:string", "--field", "gift=payment.gift:string"]
    given += ["--magento-root", tmp_path, "--pattern", '{"total": [{"numeric": [">", 1]}]}']
    ran = command("events", "subscribe", "OrderPlaced", *given, "--dry-run")
    assert ran.status == 0
    assert "the journal has no capture that it could come from" in words(ran.out)
    assert '"skus": [' in ran.out
    assert "is not changed" in words(ran.out)
    assert not (tmp_path / "app/etc/eventbridge_events.xml").exists()

    journal = Recorder(tmp_path / "journal.sqlite", Retention())
    journal.open()
    placed = recorded("order-guest", "sales_order_place_after")
    for number, of in enumerate((placed, varied(placed, snapshot={"grand_total": 0}))):
        claim = Claim(number, msgspec.json.encode(of))
        known_as = varied(of, id=str(number))
        journal.ended(Settlement(1.0, claim, known_as, "OrderPlaced", None))
    journal.close()
    ran = command("events", "subscribe", "OrderPlaced", *given)
    assert ran.status == 0, ran.err
    assert "of the last 2 captures that it could come from, 1 would be sent" in words(ran.out)
    assert "its pattern leaves out 1" in words(ran.out)
    assert "not in those captures, so null here: gift" in words(ran.out)
    assert "bin/magento cache:clean config" in words(ran.out)
    assert (tmp_path / "app/etc/eventbridge_events.xml").exists()
