"""Derive, from recordings of a real store, the captures that the agent would have handed over.

A recording is one file for each action of a person or a program, one line for each Magento event
that was dispatched. The agent hands over less: of each transaction the last state of each thing,
nothing of what was rolled back, and of each thing only allow-listed fields. This script plays the
agent over a recording and writes the store day of the demo and the tests:

    python tools/derive_captures.py RECORDINGS_DIR ORIGINAL_EVENTS_JSON OUTPUT.ndjson

ORIGINAL_EVENTS_JSON is what the original module sent during the same actions; the shop's error
messages and the cron jobs' configuration stand only there.
"""

import hashlib
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

BASE_URL = "http://shop.example.com/"
VERSION = {"module": "0.1.0", "php": "8.2.7", "magento": "2.4.6Community"}
WWW_DATA = {
    "name": "www-data",
    "passwd": "x",
    "uid": 33,
    "gid": 33,
    "gecos": "www-data",
    "dir": "/var/www",
    "shell": "/usr/sbin/nologin",
}

ORDER_FIELDS = [
    "entity_id",
    "increment_id",
    "state",
    "status",
    "store_id",
    "coupon_code",
    "order_currency_code",
    "shipping_amount",
    "tax_amount",
    "grand_total",
    "created_at",
    "updated_at",
]
DOCUMENT_FIELDS = [
    "entity_id",
    "increment_id",
    "state",
    "store_id",
    "order_id",
    "order_currency_code",
    "shipping_amount",
    "tax_amount",
    "grand_total",
    "created_at",
    "updated_at",
]
SHIPMENT_FIELDS = [
    "entity_id",
    "increment_id",
    "store_id",
    "order_id",
    "total_qty",
    "total_weight",
    "created_at",
    "updated_at",
]
ADDRESS_FIELDS = [
    "country_id",
    "region",
    "city",
    "postcode",
]
CUSTOMER_FIELDS = [
    "id",
    "created_at",
    "email",
    "firstname",
    "gender",
    "lastname",
    "middlename",
    "prefix",
    "suffix",
    "store_id",
    "website_id",
]
CART_FIELDS = [
    "item_id",
    "quote_id",
    "product_id",
    "product_type",
    "sku",
    "name",
    "qty",
    "price",
    "store_id",
]
SUBSCRIBER_FIELDS = [
    "subscriber_id",
    "customer_id",
    "store_id",
    "subscriber_email",
    "subscriber_status",
    "subscriber_confirm_code",
    "change_status_at",
]
USER_FIELDS = [
    "user_id",
    "username",
    "email",
]


def pick(data: Json, fields: Iterable[str]) -> Json:
    return {field: data[field] for field in fields if field in data}


def scalars(data: object) -> Json:
    if not isinstance(data, dict):
        return {}
    return {k: v for k, v in data.items() if not isinstance(v, (dict, list)) and v != "***"}


def uuid7(seconds: float, seed: str) -> str:
    """A UUIDv7 of the time whose random part follows from the seed, so that runs agree."""
    noise = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:10], "big")
    value = int(seconds * 1000) << 80 | 0x7 << 76 | (noise >> 4 & 0xFFF) << 64
    value |= 0b10 << 62 | noise >> 16 & (1 << 62) - 1
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def address(model: Json | None) -> Json | None:
    if not model:
        return None
    return pick(model["data"], ADDRESS_FIELDS) | {"street": model["street"]}


def items(model: Json, qty: str) -> list[Json]:
    shown = []
    for item in model.get("items") or []:
        data = item["data"]
        fields = pick(data, ("item_id", "order_item_id", "product_type", "sku", "name", "price"))
        has_parent = bool(data.get("parent_item") or data.get("parent_item_id"))
        shown.append(fields | {qty: data[qty], "has_parent": has_parent})
    return shown


class Agent:
    """Plays the agent over the recording of one action."""

    def __init__(self, action: str, original: Json) -> None:
        self.action = action
        self.original = original
        self.documents: dict[tuple[str, str], Json] = {}
        self.indexer_status: dict[str, str] = {}
        self.job_started: dict[str, float] = {}
        self.admin: Json | None = None

    def captures(self, lines: list[Json]) -> Iterator[Json]:
        for _, request in itertools.groupby(lines, key=lambda line: (line["pid"], line["uri"])):
            yield from self.request(list(request))

    def request(self, lines: list[Json]) -> Iterator[Json]:
        names = {line["event"] for line in lines}
        if "sales_order_save_after" in names and "sales_order_save_commit_after" not in names:
            return  # the database refused the order and took everything back
        seen: dict[tuple[str, str | None], Json] = {}
        for line in self.at_their_save(lines):
            for capture in self.line(line):
                key = (capture["event"], capture["subject"])
                if line["event"].startswith("sales_order") and key in seen:
                    seen[key].update({k: capture[k] for k in ("snapshot", "original")})
                    continue
                while key in seen:
                    key = (key[0], f"{key[1]}+")
                seen[key] = capture
        yield from seen.values()

    def at_their_save(self, lines: list[Json]) -> Iterator[Json]:
        """Move what is said before a thing is saved to its save, and take the saved state."""
        announced: dict[str, list[Json]] = {"order": [], "invoice": [], "creditmemo": []}
        kinds = {
            "sales_order_place_after": "order",
            "order_cancel_after": "order",
            "sales_order_invoice_pay": "invoice",
            "sales_order_invoice_register": "invoice",
            "sales_order_creditmemo_refund": "creditmemo",
        }
        for line in lines:
            if line["event"] in kinds:
                announced[kinds[line["event"]]].append(line)
                continue
            for kind, waiting in announced.items():
                stem = "sales_order" if kind == "order" else f"sales_order_{kind}"
                if line["event"] == f"{stem}_save_after":
                    for early in waiting:
                        yield early | {"data": line["data"], "time": line["time"]}
                    waiting.clear()
            yield line

    def line(self, line: Json) -> Iterator[Json]:
        handler: Callable[[Json], Iterator[Json]] | None = getattr(
            self, "on_" + line["event"].removeprefix("plugin:").replace(".", "_"), None
        )
        if handler:
            yield from handler(line)

    def capture(
        self,
        line: Json,
        subject: str | None,
        snapshot: Json,
        *,
        event: str | None = None,
        store_id: object = None,
        is_new: bool = False,
        original: Json | None = None,
    ) -> Json:
        shell = line["area"] in (None, "crontab") or not line["uri"].split()[0].isupper()
        back_office = shell or line["area"] == "adminhtml"
        current_store = 0 if back_office else 1
        event = event or line["event"]
        context: Json = {
            "transport": "SHELL" if shell else "HTTP",
            "hostname": "web-1",
            "time": int(line["time"] * 1000),
            "store_id": current_store,
            "version": VERSION,
            "user": WWW_DATA if shell else self.admin if back_office else None,
        }
        if not shell:
            context |= {"ip": "127.0.0.1", "user_agent": "unknown"}
        seed = f"{self.action} {event} {subject} {line['time']} {json.dumps(snapshot)}"
        return {
            "version": 1,
            "id": uuid7(line["time"], seed),
            "event": event,
            "time": line["time"],
            "area": line["area"],
            "store_id": int(store_id) if store_id is not None else current_store,  # type: ignore[call-overload]
            "subject": subject,
            "is_new": is_new,
            "original": original or {},
            "snapshot": snapshot,
            "context": context,
        }

    # orders, invoices, credit memos, shipments

    def order(self, line: Json, model: Json, *, deleted: bool = False) -> Iterator[Json]:
        data = model["data"]
        snapshot = pick(data, ORDER_FIELDS) | {
            "items": items(model, "qty_ordered"),
            "billing_address": address(model.get("billingAddress")),
            "shipping_address": address(model.get("shippingAddress")),
        }
        key = ("order", str(data["entity_id"]))
        if deleted:
            snapshot = self.documents.get(key, {}) | {
                k: v for k, v in snapshot.items() if v not in (None, [])
            }
        self.documents[key] = snapshot
        yield self.capture(
            line,
            f"order/{data['increment_id']}",
            snapshot,
            store_id=data["store_id"],
            is_new="origDiff" not in model,
            original=scalars(model.get("origDiff")),
        )

    def document(
        self, line: Json, kind: str, model: Json, fields: list[str], **flags: bool
    ) -> Iterator[Json]:
        data = model["data"]
        snapshot = pick(data, fields) | {
            "order": pick(model["order"], ("increment_id", "store_id")),
            "items": items(model, "qty"),
        }
        if kind == "invoice":
            snapshot["billing_address"] = address(model.get("billingAddress"))
        if kind == "shipment":
            snapshot["tracks"] = [
                pick(track["data"], ("title", "carrier_code", "track_number"))
                for track in model.get("tracks") or []
            ]
            snapshot["comments"] = [
                pick(comment["data"], ("comment",)) for comment in model.get("comments") or []
            ]
        key = (kind, str(data["entity_id"]))
        if flags.get("deleted"):
            snapshot = self.documents.get(key, {}) | {
                k: v for k, v in snapshot.items() if v not in (None, [])
            }
        self.documents[key] = snapshot
        yield self.capture(
            line,
            f"order/{model['order']['increment_id']}",
            snapshot,
            store_id=data["store_id"],
            is_new="origDiff" not in model,
            original=scalars(model.get("origDiff")),
        )

    def on_sales_order_save_after(self, line: Json) -> Iterator[Json]:
        yield from self.order(line, line["data"]["order"])

    on_sales_order_place_after = on_sales_order_save_after
    on_order_cancel_after = on_sales_order_save_after

    def on_sales_order_delete_after(self, line: Json) -> Iterator[Json]:
        yield from self.order(line, line["data"]["order"], deleted=True)

    def on_sales_order_invoice_save_after(self, line: Json) -> Iterator[Json]:
        yield from self.document(line, "invoice", line["data"]["invoice"], DOCUMENT_FIELDS)

    on_sales_order_invoice_pay = on_sales_order_invoice_save_after
    on_sales_order_invoice_register = on_sales_order_invoice_save_after

    def on_sales_order_invoice_delete_after(self, line: Json) -> Iterator[Json]:
        model = line["data"]["invoice"]
        yield from self.document(line, "invoice", model, DOCUMENT_FIELDS, deleted=True)

    def on_sales_order_creditmemo_save_after(self, line: Json) -> Iterator[Json]:
        yield from self.document(line, "creditmemo", line["data"]["creditmemo"], DOCUMENT_FIELDS)

    on_sales_order_creditmemo_refund = on_sales_order_creditmemo_save_after

    def on_sales_order_creditmemo_delete_after(self, line: Json) -> Iterator[Json]:
        model = line["data"]["creditmemo"]
        yield from self.document(line, "creditmemo", model, DOCUMENT_FIELDS, deleted=True)

    def on_sales_order_shipment_save_after(self, line: Json) -> Iterator[Json]:
        yield from self.document(line, "shipment", line["data"]["shipment"], SHIPMENT_FIELDS)

    def on_sales_order_shipment_delete_after(self, line: Json) -> Iterator[Json]:
        model = line["data"]["shipment"]
        yield from self.document(line, "shipment", model, SHIPMENT_FIELDS, deleted=True)

    def on_sales_order_shipment_track_save_after(self, line: Json) -> Iterator[Json]:
        yield from self.track(line, deleted=False)

    def on_sales_order_shipment_track_delete_after(self, line: Json) -> Iterator[Json]:
        yield from self.track(line, deleted=True)

    def track(self, line: Json, *, deleted: bool) -> Iterator[Json]:
        if line["transactionLevel"] > 1:
            return  # its shipment is being saved, and tells of it
        data = line["data"]["track"]["data"]
        key = ("shipment", str(data["parent_id"]))
        snapshot = dict(self.documents[key])
        track = pick(data, ("title", "carrier_code", "track_number"))
        others = [known for known in snapshot["tracks"] if known != track]
        snapshot["tracks"] = others if deleted else [*others, track]
        self.documents[key] = snapshot
        subject = f"order/{snapshot['order']['increment_id']}"
        yield self.capture(line, subject, snapshot, store_id=snapshot["store_id"])

    # carts

    def cart_item(self, line: Json) -> Iterator[Json]:
        item = line["data"]["item"]
        data = item["data"]
        snapshot = pick(data, CART_FIELDS) | {
            "has_parent": bool(data.get("parent_item") or data.get("parent_item_id")),
            "added_qty": data.get("qty_to_add"),
        }
        yield self.capture(
            line,
            f"cart/{data['quote_id']}",
            snapshot,
            store_id=data["store_id"],
            is_new=item["isObjectNew"],
            original=pick(scalars(item.get("origDiff")), ("qty",)),
        )

    on_sales_quote_item_save_after = cart_item
    on_sales_quote_item_delete_after = cart_item

    # customers

    def customer(self, line: Json, model: Json, *, is_new: bool = False) -> Json:
        data = model["data"]
        snapshot = pick({"id": data.get("entity_id"), **data}, CUSTOMER_FIELDS)
        return self.capture(
            line,
            f"customer/{snapshot['id']}",
            snapshot,
            store_id=data["store_id"],
            is_new=is_new,
        )

    def on_customer_login(self, line: Json) -> Iterator[Json]:
        yield self.customer(line, line["data"]["customer"])

    on_customer_logout = on_customer_login

    def on_customer_save_after_data_object(self, line: Json) -> Iterator[Json]:
        is_new = line["data"]["orig_customer_data_object"] is None
        yield self.customer(line, line["data"]["customer_data_object"], is_new=is_new)

    def on_controller_action_postdispatch_customer_account_loginpost(
        self, line: Json
    ) -> Iterator[Json]:
        params = line["data"]["request"]["params"]
        username = params["login"]["username"]
        snapshot = {"username": username, "messages": self.messages("CustomerLoginFailed")}
        yield self.capture(line, f"customer/{username}", snapshot)

    def on_controller_action_postdispatch_customer_account_createpost(
        self, line: Json
    ) -> Iterator[Json]:
        params = line["data"]["request"]["params"]
        snapshot = pick(params, ("email", "firstname", "lastname")) | {
            # The first sign-up of `signup-fail` is the one that succeeds.
            "messages": self.messages("CustomerSignedUpFailed")
            if params["firstname"] == "Twice" and self.documents.get(("customer", params["email"]))
            else []
        }
        self.documents[("customer", params["email"])] = snapshot
        yield self.capture(line, f"customer/{params['email']}", snapshot)

    def messages(self, detail_type: str) -> list[str]:
        for event in self.original.get("events", []):
            if event["event"] == detail_type:
                return list(event["detail"]["messages"])
        return []

    def on_newsletter_subscriber_save_after(self, line: Json) -> Iterator[Json]:
        model = line["data"]["subscriber"]
        data = model["data"]
        code = data["subscriber_confirm_code"]
        link = (
            f"{BASE_URL}newsletter/subscriber/unsubscribe/id/{data['subscriber_id']}/code/{code}/"
        )
        yield self.capture(
            line,
            f"subscriber/{data['subscriber_id']}",
            pick(data, SUBSCRIBER_FIELDS) | {"unsubscription_link": link},
            store_id=data["store_id"],
            is_new=model["isObjectNew"],
            original=scalars(model.get("origDiff")),
        )

    # the back office

    def on_backend_auth_user_login_success(self, line: Json) -> Iterator[Json]:
        user = pick(line["data"]["user"]["data"], USER_FIELDS)
        self.admin = {
            "id": int(user["user_id"]),
            "username": user["username"],
            "email": user["email"],
        }
        self.user = user
        yield self.capture(line, f"user/{user['username']}", user)

    def on_controller_action_predispatch_adminhtml_auth_logout(self, line: Json) -> Iterator[Json]:
        yield self.capture(line, f"user/{self.user['username']}", self.user)

    def on_backend_auth_user_login_failed(self, line: Json) -> Iterator[Json]:
        username = line["data"]["user_name"]
        yield self.capture(line, f"user/{username}", {"username": username})

    def flush(self, line: Json) -> Iterator[Json]:
        yield self.capture(line, "cache", {})

    on_adminhtml_cache_flush_all = flush
    on_adminhtml_cache_flush_system = flush
    on_clean_catalog_images_cache_after = flush
    on_clean_media_cache_after = flush
    on_clean_static_files_cache_after = flush

    def on_indexer_state_save_after(self, line: Json) -> Iterator[Json]:
        model = line["data"]["indexer_state"]
        indexer, status = model["data"]["indexer_id"], model["data"]["status"]
        # The model keeps what was loaded as its original: a second save compares with that.
        former = self.indexer_status.get(indexer, (model.get("origDiff") or {}).get("status"))
        self.indexer_status[indexer] = status
        yield self.capture(
            line,
            f"indexer/{indexer}",
            {"indexer_id": indexer, "status": status},
            original={} if former in (None, status) else {"status": former},
        )

    def on_cron_schedule_tryLockJob(  # noqa: N802  named as what it handles
        self, line: Json
    ) -> Iterator[Json]:
        self.job_started[line["data"]["schedule"]["data"]["schedule_id"]] = line["time"]
        yield from ()

    def on_cron_schedule_save(self, line: Json) -> Iterator[Json]:
        data = line["data"]["schedule"]["data"]
        started = self.job_started.get(data["schedule_id"])
        code = data["job_code"]
        job = CRON_JOBS.get(code, {})
        known = {"job_code": code, "group_id": job.get("groupId", "default")}
        known |= {"job_config": job.get("jobConfig", {})}
        subject = f"cron/{data['schedule_id']}"
        ran = data["executed_at"] is not None
        if ran and started is not None:
            yield self.capture(
                line | {"time": started},
                subject,
                known | {"status": "running"},
                event="cron_job_run",
            )
        finished = pick(data, ("status", "messages"))
        duration = round(line["time"] - started, 4) if ran and started is not None else None
        yield self.capture(line, subject, known | finished | {"duration": duration})


CRON_JOBS: dict[str, Json] = {}


def main(recordings: Path, original_events: Path, output: Path) -> None:
    originals = {action["action"]: action for action in json.loads(original_events.read_text())}
    for action in originals.values():
        for event in action["events"]:
            if event["event"].startswith("Cron"):
                CRON_JOBS[event["detail"]["code"]] = event["detail"]

    actions = []
    for path in sorted(recordings.glob("*.ndjson")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        agent = Agent(path.stem, originals.get(path.stem, {}))
        actions.append((lines[0]["time"], path.stem, list(agent.captures(lines))))

    with output.open("w") as file:
        for _, action, captures in sorted(actions):
            for capture in captures:
                told = {"action": action, "capture": capture}
                file.write(json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
