"""Typed events: every detail-type has its class, and other input is refused."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from aws_lambda_powertools.utilities.parser import parse as powertools_parse
from aws_lambda_powertools.utilities.parser.envelopes import EventBridgeEnvelope, SqsEnvelope
from pydantic import BaseModel
from tools.generate_docs import SAMPLE_TRACKING, sample_detail

from magento_eventbridge import events
from magento_eventbridge.catalog import BY_DETAIL_TYPE, EVENTS, EventDefinition
from magento_eventbridge.events import (
    CLASSES,
    AnyEvent,
    MalformedEventError,
    OrderPlaced,
    StateSaved,
    UnknownEventError,
    parse,
)
from magento_eventbridge.events.order import Order
from tests.support.typescript import compiler_says

PROJECT = Path(__file__).parents[2]
Json = dict[str, Any]


def result(event: EventDefinition, **changes: Any) -> Json:
    """Return an event as a Lambda function receives it."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": event.detail_type,
        "source": "shop.example.com",
        "account": "123456789012",
        "time": "2020-08-26T10:49:36Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": sample_detail(event) | {"tracking": SAMPLE_TRACKING},
        **changes,
    }


PLACED = result(BY_DETAIL_TYPE["OrderPlaced"])


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type)
def test_every_detail_type_has_a_class_with_the_catalogs_detail(event: EventDefinition):
    parsed = parse(result(event))

    assert type(parsed) is getattr(events, event.detail_type) is CLASSES[event.detail_type]
    assert type(parsed.detail) is event.detail
    # Serialization returns the original.
    assert json.loads(parsed.model_dump_json(by_alias=True)) == result(event)


def test_no_class_is_of_no_event():
    assert set(CLASSES) == set(BY_DETAIL_TYPE)
    assert set(CLASSES) < set(events.__all__)


def test_every_class_of_a_detail_can_be_imported_by_name():
    for event in CLASSES.values():
        for model in _models_in(event.model_fields["detail"].annotation):
            assert getattr(events, model.__name__) is model
            assert model.__name__ in events.__all__


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Return the models of an annotation and of their fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models_in(field.annotation)
    for member in get_args(annotation):
        yield from _models_in(member)


def test_a_detail_is_typed():
    order = parse(PLACED)
    assert isinstance(order, OrderPlaced)
    assert (order.detail.id, order.detail.total) == ("000000001", 64)
    assert order.detail.billing_address is not None
    assert order.detail.billing_address.post_code == "12345"
    assert order.detail.metadata.timestamp == 1598438976
    assert not order.detail.metadata.test
    assert order.detail.tracking is not None
    assert order.detail.tracking.store_id == 1
    assert get_type_hints(Order)["items"] == list[events.LineItem]


BODY = json.dumps(PLACED)


@pytest.mark.parametrize(
    "wrapped",
    [
        BODY,
        BODY.encode(),
        {"messageId": "1", "body": BODY, "eventSource": "aws:sqs"},
        {"MessageId": "1", "Body": BODY},
        {"messageId": "1", "body": json.dumps({"Type": "Notification", "Message": BODY})},
        parse(PLACED),
    ],
    ids=["text", "bytes", "SQS by Lambda", "SQS", "SNS in SQS", "parsed"],
)
def test_an_event_is_found_in_what_it_is_wrapped_in(wrapped):
    assert parse(wrapped) == parse(PLACED)


def test_a_replayed_event_shows_so():
    replayed = parse(PLACED | {"replay-name": "again"})
    assert replayed.replay_name == "again"
    assert parse(replayed) == replayed


def test_a_test_event_shows_so():
    detail = PLACED["detail"]
    metadata = detail["metadata"] | {"test": True}
    assert parse(PLACED | {"detail": detail | {"metadata": metadata}}).detail.metadata.test


def test_a_field_of_a_later_version_is_passed_over():
    later = PLACED | {"new": 1, "detail": PLACED["detail"] | {"new": {"a": 1}}}
    assert parse(later) == parse(PLACED)


def test_a_renamed_detail_type_is_known_by_its_documented_name():
    sent = result(BY_DETAIL_TYPE["StateSaved"]) | {"detail-type": "IndexerStateSaved"}
    with pytest.raises(UnknownEventError):
        parse(sent)
    assert isinstance(parse(sent, renamed={"IndexerStateSaved": "StateSaved"}), StateSaved)


def test_an_unknown_detail_type_is_no_malformed_event():
    with pytest.raises(UnknownEventError, match="'OrderTeleported'") as error:
        parse(PLACED | {"detail-type": "OrderTeleported"})
    assert error.value.detail_type == "OrderTeleported"
    assert not isinstance(error.value, MalformedEventError)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("{", "not JSON"),
        ([], "an event is a JSON object, not list"),
        ({}, "no detail-type and no detail"),
        ({"detail-type": "OrderPlaced"}, "no detail$"),
        (PLACED | {"detail-type": 1}, "detail-type is no text"),
        ({"Records": [{"body": BODY}]}, r"parse each of event\['Records'\]"),
        (
            PLACED | {"detail": PLACED["detail"] | {"total": "sixty-four"}},
            r"^OrderPlaced: detail\.total\.",
        ),
        (PLACED | {"detail": {}}, r"OrderPlaced: detail\.metadata: Field required"),
    ],
)
def test_a_malformed_event_is_reported_with_what_is_wrong(event, message):
    with pytest.raises(MalformedEventError, match=message):
        parse(event)


def test_no_value_reaches_the_message():
    with pytest.raises(MalformedEventError) as error:
        parse(PLACED | {"detail": PLACED["detail"] | {"total": "hunter2"}})
    assert "hunter2" not in str(error.value)
    assert error.value.__suppress_context__


# With AWS Lambda Powertools


def test_powertools_parses_a_class():
    assert powertools_parse(event=PLACED, model=OrderPlaced) == parse(PLACED)


def test_powertools_parses_any_event():
    parsed = powertools_parse(event=PLACED, model=AnyEvent)  # type: ignore[call-overload]
    assert parsed == parse(PLACED)


def test_powertools_takes_the_detail_out_of_its_envelope():
    detail = powertools_parse(event=PLACED, model=Order, envelope=EventBridgeEnvelope)
    assert detail == parse(PLACED).detail


def test_powertools_takes_events_out_of_sqs():
    record = {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": BODY,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
        "awsRegion": "eu-west-1",
    }
    parsed = powertools_parse(event={"Records": [record]}, model=OrderPlaced, envelope=SqsEnvelope)
    assert parsed == [parse(PLACED)]


# With pydantic alone

_ALONE = """
import sys
ALLOWED = {"magento_eventbridge", "pydantic", "pydantic_core", "annotated_types",
           "typing_extensions", "typing_inspection"}
class Alone:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        standard = top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
        if top not in ALLOWED and not standard:
            raise ModuleNotFoundError(f"only pydantic is there, not {name}", name=name)
sys.meta_path.insert(0, Alone())
from magento_eventbridge import events
print(events.__file__)
print(type(events.parse(sys.stdin.read())).__name__)
try:
    import magento_eventbridge.captures
except ModuleNotFoundError:
    print("alone")
"""


def _parse_alone(*options: str, **environment: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, *options, "-c", _ALONE],
        input=BODY,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_it_needs_nothing_but_pydantic():
    assert _parse_alone()[1:] == ["OrderPlaced", "alone"]


@pytest.mark.external
def test_the_distribution_for_consumers_holds_it_and_needs_pydantic_only(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", tmp_path, PROJECT / "packaging/events"],
        check=True,
        capture_output=True,
        timeout=100,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("magento_eventbridge_events-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        (metadata,) = [name for name in opened.namelist() if name.endswith("/METADATA")]
        required = [
            line for line in opened.read(metadata).decode().splitlines() if "Requires-Dist" in line
        ]
        opened.extractall(tmp_path / "site")
    assert required == ["Requires-Dist: pydantic>=2.12"]

    file, *rest = _parse_alone(PYTHONPATH=str(tmp_path / "site"))

    assert file == str(tmp_path / "site/magento_eventbridge/events/__init__.py")
    assert rest == ["OrderPlaced", "alone"]


# TypeScript

_USE = """
import { AnyEvent, OrderPlaced } from "./events";

export function total(event: OrderPlaced): number {
  return event.detail.items.reduce((sum, item) => sum + item.price * item.qty, 0);
}

export function about(event: AnyEvent): string | null {
  switch (event["detail-type"]) {
    case "OrderPlaced":
      return event.detail.billingAddress?.postCode ?? null;
    case "StateSaved":
      return event.detail.index;
    default:
      return event.detail.metadata.id;
  }
}

export const sample: OrderPlaced = %s;
"""


def _tsc(folder: Path, text: str) -> str:
    (folder / "use.ts").write_text(text)
    return compiler_says(folder / "use.ts")


@pytest.mark.external
def test_the_typescript_declarations_hold_for_the_real_compiler(tmp_path):
    declarations = PROJECT / "src/magento_eventbridge/events/events.d.ts"
    (tmp_path / "events.d.ts").write_text(declarations.read_text())

    assert _tsc(tmp_path, _USE % BODY) == ""
    samples = "".join(
        f"export const {event.detail_type}: e.{event.detail_type} = {json.dumps(result(event))};\n"
        for event in EVENTS
    )
    assert _tsc(tmp_path, f'import * as e from "./events";\n{samples}') == ""
    wrong = _tsc(tmp_path, _USE.replace("item.price", "item.prise") % BODY)
    assert "Property 'prise' does not exist on type 'LineItem'" in wrong
