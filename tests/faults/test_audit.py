"""In a storm with captures that vanish, the audit finds each of them, and nothing else."""

import asyncio
import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from magento_eventbridge.backfill.kinds import KINDS
from magento_eventbridge.backfill.snapshots import Rows, body_of, capture_of
from magento_eventbridge.captures import Capture
from tests.faults.bridges import Bridge
from tests.support.backfilling import Commands
from tests.support.mariadb import Server
from tests.support.put_events import Behaviour, HangUp, Json, Refuse, Stall, Take, put_events
from tests.support.sales import run, sales
from tests.support.shop import Shop, shop

__all__ = ["sales", "shop"]

_ORDERS_AT_ONCE = 40
_LEDGER_BEGINS_WITHIN = 2.0
_FIRST_KEY = 4_000_000_000  # beyond signed 32 bits


def bad_bus(chance: random.Random) -> Any:
    """Return the script of a bus that throttles, stalls, disconnects and refuses entries."""

    def script(_: int, entries: list[Json]) -> Behaviour:
        return chance.choice(
            (
                Take(),
                Take(),
                Take({chance.randrange(len(entries)): "ThrottlingException"}),
                Refuse("ThrottlingException"),
                Stall(chance.uniform(0, 1.5)),
                HangUp(),
                HangUp(after_taking=True),
            )
        )

    return script


class Orders:
    """Places orders: the row and its capture in one transaction, as Magento and the agent do."""

    def __init__(self, store: Shop, chance: random.Random) -> None:
        self.placed: set[str] = set()
        self.vanished: set[str] = set()
        self._store = store
        self._chance = chance

    def place(self) -> None:
        """Place some orders; captures of some of them vanish before a bridge has them."""
        prefix = self._store.outbox.options.table_prefix
        server: Server = self._store.outbox.server
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION time_zone = '+00:00'")
            for _ in range(_ORDERS_AT_ONCE):
                key = _FIRST_KEY + len(self.placed)
                number = f"S{key}"
                now = datetime.now(UTC)
                row = {
                    "entity_id": str(key),
                    "increment_id": number,
                    "store_id": "1",
                    "status": "pending",
                    "state": "new",
                    "grand_total": "107.0000",
                    "created_at": now.strftime("%Y-%m-%d %H:%M:%S"),
                    "updated_at": now.strftime("%Y-%m-%d %H:%M:%S"),
                }
                cursor.execute(
                    f"INSERT INTO `{prefix}sales_order` ({', '.join(row)}) "
                    f"VALUES ({', '.join(['%s'] * len(row))})",
                    list(row.values()),
                )
                capture = _capture(row, now)
                self._store.outbox.put([(capture, body_of(capture))], connection)
                cursor.execute("SELECT LAST_INSERT_ID()")
                ((number_in_outbox,),) = cursor.fetchall()
                vanishes = self._chance.random() < 0.15
                if vanishes:  # before anything can claim it
                    cursor.execute(
                        f"DELETE FROM `{prefix}eventbridge_outbox` WHERE id = %s",
                        (number_in_outbox,),
                    )
                connection.commit()
                self.placed.add(number)
                if vanishes:
                    self.vanished.add(number)


def _capture(row: dict[str, str], now: datetime) -> Capture:
    """Return the capture of a new order, as the agent writes it."""
    kind = KINDS["orders"]
    milliseconds = int(now.timestamp() * 1000)
    return msgspec.structs.replace(
        capture_of(kind, Rows(row), kind.created, "backfill"),
        id=str(uuid.UUID(int=milliseconds << 80 | uuid.uuid4().int >> 48)),
        time=now.timestamp(),
        origin=None,
    )


async def test_the_audit_finds_each_capture_that_vanished(
    sales: Shop, chance: random.Random, rounds: int, tmp_path: Path
) -> None:
    run(
        sales,
        "UPDATE `{prefix}sales_order` SET created_at = '2020-01-01', updated_at = '2020-01-01'",
    )
    orders = Orders(sales, chance)
    async with put_events(bad_bus(chance)) as bus:
        commands = Commands(sales, tmp_path / "one", bus.url)
        settings = {
            name.removeprefix("MAGENTO_EVENTBRIDGE_"): value
            for name, value in commands.environment.items()
            if name.startswith("MAGENTO_EVENTBRIDGE_")
        }
        async with Bridge(tmp_path / "one", bus.url, settings) as bridge:
            # What was created before the ledger began is unknown to the audit, and not missing.
            await bridge.start()
            await bridge.until_written("Delivering what is in")
            await asyncio.sleep(_LEDGER_BEGINS_WITHIN)
            await bridge.kill()
            for _ in range(rounds):
                await bridge.start()
                await bridge.until_written("Delivering what is in")
                await asyncio.to_thread(orders.place)
                await asyncio.sleep(chance.uniform(0, 1.5))
                await bridge.kill()
            bus.script = lambda _, __: Take()
            await bridge.start()
            async with asyncio.timeout(90):
                while sales.outbox.ask("SELECT COUNT(*) FROM {outbox}") != ((0,),):
                    await asyncio.sleep(1)
            await bridge.kill()
        until = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
        words = ("audit", "--since", "1h", "--until", until, "--kind", "orders", "--json")
        found = await commands.run(*words)
        missing = {one["name"].split()[1] for one in json.loads(found.out)["missing"]}
        assert orders.vanished, "the storm removed nothing"
        assert missing == orders.vanished
        assert found.json["counts"]["delivered"] == len(orders.placed - orders.vanished)
        before = len(bus.taken)
        repaired = await commands.run(*words, "--repair", "--rate", "1000")
        assert repaired.status == 0, repaired.out + repaired.err
        sent = [detail["id"] for detail in bus.details[before:]]
        assert sorted(sent) == sorted(orders.vanished)
