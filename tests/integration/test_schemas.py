"""Schemas: valid by the formats' own validators, valid for samples, published once."""

import json
import re
import subprocess
from copy import deepcopy
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import pytest
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator
from tools import generate_docs

from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.cli.samples import sample_event
from magento_eventbridge.delivery.routing import Destination, Route
from tests.support.aws import environment
from tests.support.aws_stub import Refusal, Request, aws_stub
from tests.support.programs import program
from tests.unit.test_cli import command, nothing_of_this_machine, words  # noqa: F401

ROUTE = Route(
    Destination("eu-west-1"), "shop.example.com", detail_types={"StateSaved": "IndexerStateSaved"}
)
SETTINGS = [
    "--set", "options.source=shop.example.com",
    "--set", "options.region=eu-west-1",
    "--set", "detail_types.StateSaved=IndexerStateSaved",
]  # fmt: skip


def sample(name):
    event = sample_event(name, ROUTE)
    return event | {"detail": event["detail"] | {"tracking": generate_docs.SAMPLE_TRACKING}}


SAMPLES = {sample(event.detail_type)["detail-type"]: sample(event.detail_type) for event in EVENTS}


@pytest.fixture
def exported(command, tmp_path):
    ran = command("schemas", "export", tmp_path / "out", *SETTINGS)
    assert (ran.status, ran.err) == (0, "")
    written = {str(path) for path in (tmp_path / "out").rglob("*.*")}
    assert set(ran.out.split()) == written
    assert len(written) == 3 * 37 + 2
    return tmp_path / "out"


def of(folder: Path):
    found = {path.stem: json.loads(path.read_text()) for path in folder.iterdir()}
    assert found.keys() == SAMPLES.keys()
    return found.items()


def wrong(event):
    """Return an event in which one field has another type."""
    changed = deepcopy(event)
    changed["detail"]["metadata"]["timestamp"] = "1598438976"
    return changed


def test_json_schema_2020_12(exported):
    for name, schema in of(exported / "jsonschema"):
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        validator.validate(SAMPLES[name])
        assert not validator.is_valid(wrong(SAMPLES[name]))
        assert not validator.is_valid(SAMPLES[name] | {"detail-type": "Other"})


def test_json_schema_draft_4(exported):
    for name, schema in of(exported / "jsonschema-draft4"):
        jsonschema.Draft4Validator.check_schema(schema)
        validator = jsonschema.Draft4Validator(schema)
        validator.validate(SAMPLES[name])
        assert not validator.is_valid(wrong(SAMPLES[name]))
        assert not validator.is_valid(SAMPLES[name] | {"detail-type": "Other"})
        assert schema["x-amazon-events-detail-type"] == name
        assert schema["x-amazon-events-source"] == "shop.example.com"
        assert not re.search(r'\$defs|"const"', json.dumps(schema))


def test_open_api_3(exported):
    for name, document in of(exported / "openapi3"):
        OpenAPIV30SpecValidator(document).validate()
        root = {"$ref": "#/components/schemas/AWSEvent", "components": document["components"]}
        validator = OAS30Validator(root)
        validator.validate(SAMPLES[name])
        assert not validator.is_valid(wrong(SAMPLES[name]))
        assert '"null"' not in json.dumps(document)


def test_null_is_allowed_where_it_is_meant_and_nowhere_else(exported):
    document = json.loads((exported / "openapi3/OrderPlaced.json").read_text())
    validator = OAS30Validator(
        {"$ref": "#/components/schemas/AWSEvent", "components": document["components"]}
    )
    placed = SAMPLES["OrderPlaced"]
    virtual = placed | {"detail": placed["detail"] | {"shippingAddress": None}}
    validator.validate(virtual)
    assert not validator.is_valid(placed | {"detail": placed["detail"] | {"items": None}})


def test_async_api_3(exported, tmp_path):
    # Its own JSON Schema is published with npm only.
    install = ["install", "--silent", "--ignore-scripts", "--prefix", tmp_path / "npm"]
    subprocess.run(
        [program("npm", "npm"), *install, "@asyncapi/specs@6.11.1"],
        check=True,
        capture_output=True,
        timeout=110,
    )
    specs = tmp_path / "npm/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
    validator = jsonschema.Draft7Validator(json.loads(specs.read_text()))
    document = json.loads((exported / "asyncapi.json").read_text())

    assert list(validator.iter_errors(document)) == []

    assert not validator.is_valid(document | {"channels": []})
    assert document["servers"]["eventbridge"]["host"] == "events.eu-west-1.amazonaws.com"
    assert len(document["channels"]["bus"]["messages"]) == 37
    for name, message in document["components"]["messages"].items():
        (example,) = message["examples"]
        payload = {**message["payload"], "components": document["components"]}
        jsonschema.Draft7Validator(payload).validate(example["payload"])
        assert not jsonschema.Draft7Validator(payload).is_valid(wrong(example["payload"])), name


def test_typescript_is_that_of_the_package(exported):
    package = Path(__file__).parents[2] / "src/magento_eventbridge/events/events.d.ts"
    assert (exported / "events.d.ts").read_text() == package.read_text()


def test_only_the_forms_that_are_asked_for(command, tmp_path):
    ran = command("schemas", "export", tmp_path / "out", "--format", "asyncapi3")
    assert ran.out.split() == [str(tmp_path / "out/asyncapi.json")]


def test_a_folder_that_cannot_be_written_is_reported(command, tmp_path):
    (tmp_path / "file").touch()
    ran = command("schemas", "export", tmp_path / "file")
    assert (ran.status, ran.out) == (2, "")
    assert "cannot write to" in words(ran.err)


# Publishing; moto has no schema registry.


class Registry:
    """A schema registry that stores schemas."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.schemas: dict[str, dict[str, str]] = {}

    def __call__(self, request: Request):
        found = re.fullmatch(r"/v1/registries/name/([^/]+)(?:/schemas/name/([^/]+))?", request.path)
        assert found
        registry, name = found[1], found[2] and unquote(found[2])
        match request.method, name:
            case "GET", None:
                return {"RegistryName": registry} if registry in self.names else self.absent
            case "POST", None:
                self.names.add(registry)
                return {"RegistryName": registry}
            case "GET", _:
                return self.schemas.get(name) or self.absent
            case _:
                there = self.schemas.get(name)
                assert (there is None) == (request.method == "POST")
                version = str(int(there["SchemaVersion"]) + 1 if there else 1)
                self.schemas[name] = {**request.json, "SchemaVersion": version}
                return {"SchemaName": name, "SchemaVersion": version}

    absent = Refusal("NotFoundException", "no such thing", 404)


@pytest.fixture
def registry(monkeypatch, nothing_of_this_machine):
    with aws_stub() as stub:
        for name, value in environment(stub.url).items():
            monkeypatch.setenv(name, value)
        stub.answer = kept = Registry()
        yield kept


def test_a_refusal_whose_text_names_another_error_is_reported(command, registry):
    registry.absent = Refusal("AccessDeniedException", "to hide a NotFoundException", 403)
    refused = command("schemas", "publish", "shop", "--dry-run", *SETTINGS)
    assert (refused.status, refused.out) == (1, "")
    assert "AccessDeniedException" in refused.err


def test_schemas_are_published_once(command, registry):
    dry_run = command("schemas", "publish", "shop", "--dry-run", *SETTINGS)
    assert (dry_run.status, registry.names, registry.schemas) == (0, set(), {})

    done = command("schemas", "publish", "shop", *SETTINGS)

    assert (done.status, done.err) == (0, "")
    assert [f"would {line}" for line in done.out.splitlines()] == dry_run.out.splitlines()
    assert registry.names == {"shop"}
    assert len(registry.schemas) == 37
    published = registry.schemas["shop.example.com@IndexerStateSaved"]
    assert published["Type"] == "OpenApi3"
    OpenAPIV30SpecValidator(json.loads(published["Content"])).validate()
    assert all(len(schema["Content"]) <= 100_000 for schema in registry.schemas.values())
    again = command("schemas", "publish", "shop", *SETTINGS)
    assert again.out == "registry shop has all 37 schemas; nothing to do\n"


def test_only_what_differs_is_updated_and_logged(command, registry, monkeypatch, tmp_path):
    command("schemas", "publish", "shop", *SETTINGS)
    registry.schemas["shop.example.com@OrderPlaced"]["Content"] = "{}"
    log = tmp_path / "bridge.log"
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_LOG__FILE", str(log))
    dry_run = command("schemas", "publish", "shop", "--dry-run", *SETTINGS)
    assert (dry_run.status, log.exists()) == (0, False)
    ran = command("schemas", "publish", "shop", *SETTINGS)
    assert ran.out == "update schema shop.example.com@OrderPlaced, now version 1\n"
    assert ran.err == ""
    [line] = log.read_text().splitlines()
    assert re.search(r"report.INFO: Command: .+ changed AWS: update schema \S+@OrderPlaced,", line)
    assert registry.schemas["shop.example.com@OrderPlaced"]["SchemaVersion"] == "2"
    other = command("schemas", "publish", "shop", "--format", "jsonschema-draft4", *SETTINGS)
    assert len(other.out.splitlines()) == 37
    assert registry.schemas["shop.example.com@OrderPlaced"]["Type"] == "JSONSchemaDraft4"


def test_what_is_switched_off_is_not_published(command, registry):
    command("schemas", "publish", "--set", "events.cache.flush_all=false", *SETTINGS)
    assert registry.names == {"magento-eventbridge"}
    assert len(registry.schemas) == 36
    assert "shop.example.com@CacheFlushAll" not in registry.schemas


def test_a_refusal_is_reported(command, monkeypatch, nothing_of_this_machine):
    with aws_stub() as stub:
        for name, value in environment(stub.url).items():
            monkeypatch.setenv(name, value)
        stub.answer = lambda _: Refusal("ForbiddenException", "not you", 403)
        ran = command("schemas", "publish")
    assert (ran.status, ran.out) == (1, "")
    assert "ForbiddenException" in ran.err
    assert "not you" in ran.err


def test_events_that_share_a_detail_type_have_schemas_of_their_own(command, tmp_path):
    ran = command(
        *("schemas", "export", tmp_path, "--format", "jsonschema", *SETTINGS),
        *("--set", "detail_types.OrderPlaced=Order", "--set", "detail_types.OrderCanceled=Order"),
    )
    assert ran.status == 0
    names = {path.name for path in (tmp_path / "jsonschema").iterdir()}
    assert {"Order-OrderPlaced.json", "Order-OrderCanceled.json"} <= names
    assert len(names) == 37


def test_a_detail_type_is_no_path(command, tmp_path):
    folder = tmp_path / "out"
    ran = command(
        *("schemas", "export", folder, "--format", "jsonschema", *SETTINGS),
        *(
            "--set",
            "detail_types.OrderPlaced=../../Order",
            "--set",
            "detail_types.OrderCanceled=..",
        ),
    )
    assert ran.status == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parent for path in files} == {folder / "jsonschema"}
    assert len(files) == 37
    assert "..-..-Order.json" in {path.name for path in files}


def test_publishing_events_that_share_a_detail_type_converges(command, monkeypatch):
    kept: dict[str, dict[str, str]] = {}

    def answer(request: Request):
        name = unquote(request.path.rpartition("/")[2])
        if request.method == "GET":
            if "/schemas/" not in request.path:
                return {"RegistryName": name}
            return kept.get(name) or Refusal("NotFoundException", "no such schema", 404)
        kept[name] = {**request.json, "SchemaVersion": "1"}
        return kept[name]

    with aws_stub() as stub:
        for name, value in environment(stub.url).items():
            monkeypatch.setenv(name, value)
        stub.answer = answer
        shared = ("detail_types.OrderPlaced=Order", "detail_types.OrderCanceled=Order")
        publish = ("schemas", "publish", *(word for one in shared for word in ("--set", one)))
        assert len(command(*publish).out.splitlines()) == 37
        assert "nothing to do" in command(*publish).out
    assert {"shop.example.com@Order-OrderPlaced", "shop.example.com@Order-OrderCanceled"} <= set(
        kept
    )
