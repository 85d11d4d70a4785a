"""Read entities from the store's tables, a chunk at a time, by primary key.

Values are read as texts, as PHP reads them. Only the columns of events are read: a store's tables
have hundreds. Columns that a store lacks are null.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from pymysql.cursors import Cursor

from magento_eventbridge.backfill.kinds import Kind
from magento_eventbridge.backfill.snapshots import COLUMNS, Rows, ViewDescription
from magento_eventbridge.magento.database import (
    DatabaseConnection,
    DatabaseError,
    DatabaseOptions,
    named_queries,
)

Result = TypeVar("Result")

_QUERIES = named_queries(__package__, "rows.sql")
_IF_ABSENT = "is this the store's database, and its table prefix?"
_PATHS = (
    "general/locale/timezone",
    "web/unsecure/base_url",
    "web/unsecure/base_link_url",
    "web/seo/use_rewrites",
    "web/url/use_store",
)
# Keys read at once to find the wanted entities, and entities read at once with all their rows.
_KEYS = 5000
CHUNK = 200
_NULL = "NULL"
# Of a store that has not saved one: it was installed without `--timezone`.
_MAGENTOS_ZONE = "America/Los_Angeles"
_FIRST = "1970-01-01 00:00:00"
_LAST = "9999-12-31 23:59:59"


@dataclass(frozen=True)
class Selection:
    """Which entities of a kind are wanted.

    Attributes:
        since, until: in seconds since the epoch; None: no bound. `until` is not included.
        view_id: the store view; None: all.
        status: a value of the kind's status column; empty: any.
    """

    since: float | None = None
    until: float | None = None
    view_id: int | None = None
    status: str = ""

    def wants(self, key: "Key") -> bool:
        """Return whether an entity is wanted."""
        if self.view_id is not None and (key.view_id or 0) != self.view_id:
            return False
        if self.status and key.status != self.status:
            return False
        if self.since is None and self.until is None:
            return True
        if key.happened is None or (self.until is not None and key.happened >= self.until):
            return False
        return self.since is None or key.happened >= self.since


class Key(NamedTuple):
    """What decides whether an entity is wanted."""

    id: int
    happened: float | None
    view_id: int | None
    status: str | None


class Changed(NamedTuple):
    """An entity that was updated, in seconds since the epoch."""

    id: int
    changed: float
    happened: float | None


class NamedView(NamedTuple):
    """A store view, with what details say of it."""

    id: int
    code: str
    facts: ViewDescription


class StoreTables:
    """The tables that backfill and audit read; nothing is ever written to them."""

    def __init__(self, options: DatabaseOptions, own_columns: frozenset[str] = frozenset()) -> None:
        """Prepare to connect.

        Args:
            options: how to reach the database.
            own_columns: columns of the entities' own tables that the shop adds to its events.
        """
        self.options = options
        self._connection = DatabaseConnection(options, if_absent=_IF_ABSENT, prepare=_read_texts)
        self._own_columns = own_columns
        self._facts: dict[int, ViewDescription] = {}
        self._columns: dict[str, frozenset[str]] = {}  # by table, as the store has them

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()

    async def views(self) -> list[NamedView]:
        """Read the store's views."""
        names = {"store": self._table("store"), "website": self._table("store_website")}
        rows = await self._rows("views", names, {})
        config = await self._config()
        found = [
            NamedView(
                int(number),
                code or "",
                ViewDescription(code, website, _link_base(config, int(number), int(of or 0), code)),
            )
            for number, code, of, website in rows
        ]
        self._facts = {view.id: view.facts for view in found}
        return found

    async def time_zone(self) -> str:
        """Return the name of the store's time zone, as far as the database says it."""
        saved = ("default", 0, "general/locale/timezone")
        return (await self._config()).get(saved, _MAGENTOS_ZONE) or "UTC"

    async def statuses(self, kind: Kind) -> dict[str, str]:
        """Return the names of a kind's statuses by the column's values."""
        if kind.name != "orders":
            return dict(kind.statuses)
        names = {"statuses": self._table("sales_order_status")}
        return {name: name for (name,) in await self._rows("order_statuses", names, {})}

    async def keys(
        self, kind: Kind, selection: Selection, *, after: int = 0
    ) -> AsyncIterator[list[int]]:
        """Yield the keys of wanted entities, in order, some thousand rows at a time.

        The first lists may be empty: reading them took long enough to report progress.
        """
        names = await self._names(kind)
        first, last = await self._bounds(kind, selection, names)
        after = max(after, first - 1)
        while after < last:
            values = {"after": after, "last": last, "limit": _KEYS}
            rows = await self._rows("page", names, values)
            if not rows:
                return
            keys = [Key(int(row[0]), seconds(row[1]), _number(row[2]), row[3]) for row in rows]
            after = keys[-1].id
            yield [key.id for key in keys if selection.wants(key)]

    async def changed(self, kind: Kind, since: float, until: float) -> AsyncIterator[list[Changed]]:
        """Yield the entities that were updated in a time range, in the order of the updates."""
        names = await self._names(kind)
        if names["changed"] == _NULL:
            return
        start, after = _stamp(since), 0
        while True:
            values = {"since": start, "until": _stamp(until), "after": after, "limit": _KEYS}
            rows = await self._rows("changed", names, values)
            if not rows:
                return
            yield [Changed(int(row[0]), seconds(row[1]) or 0.0, seconds(row[2])) for row in rows]
            after, start = int(rows[-1][0]), rows[-1][1]

    async def entities(self, kind: Kind, keys: Sequence[int]) -> list[Rows]:
        """Read entities with all that belongs to them; those that are gone are left out."""
        if not keys:
            return []
        if not self._facts:
            await self.views()
        return await self._run(lambda cursor: self._read(cursor, kind, keys))

    def _read(self, cursor: Cursor, kind: Kind, keys: Sequence[int]) -> list[Rows]:
        mains = self._by(cursor, kind.table, kind.key, keys, own=self._own_columns)
        found = [
            Rows(
                row,
                view=self._facts.get(int(row.get("store_id") or 0), ViewDescription()),
                own={name: row[name] for name in self._own_columns if name in row},
            )
            for key in keys
            for row in mains.get(str(key), [])
        ]
        match kind.name:
            case "customers" | "newsletter":
                return found
            case "orders":
                return self._orders(cursor, found, [rows.main for rows in found])
        order_ids = sorted({int(of.main["order_id"]) for of in found if of.main.get("order_id")})
        orders = self._by(cursor, "sales_order", "entity_id", order_ids)
        all_orders = [row for rows in orders.values() for row in rows]
        of_orders = self._orders(cursor, [Rows(row) for row in all_orders], all_orders)
        by_order = {rows.main["entity_id"]: rows for rows in of_orders}
        items = self._by(cursor, f"{kind.table}_item", "parent_id", keys)
        tracks = comments = {}
        if kind.name == "shipments":
            tracks = self._by(cursor, f"{kind.table}_track", "parent_id", keys)
            comments = self._by(cursor, f"{kind.table}_comment", "parent_id", keys)
        return [
            _document(rows, items, tracks, comments, by_order.get(str(rows.main.get("order_id"))))
            for rows in found
        ]

    def _orders(
        self, cursor: Cursor, found: Sequence[Rows], orders: Sequence[Mapping[str, Any]]
    ) -> list[Rows]:
        keys = [int(order["entity_id"]) for order in orders]
        items = self._by(cursor, "sales_order_item", "order_id", keys, order="item_id")
        addresses = self._by(cursor, "sales_order_address", "parent_id", keys)
        payments = self._by(cursor, "sales_order_payment", "parent_id", keys)
        return [
            replace(
                rows,
                items=items.get(rows.main["entity_id"], []),
                addresses=addresses.get(rows.main["entity_id"], []),
                payment=next(iter(payments.get(rows.main["entity_id"], [])), None),
            )
            for rows in found
        ]

    def _by(
        self,
        cursor: Cursor,
        table: str,
        column: str,
        ids: Sequence[int],
        order: str = "",
        own: frozenset[str] = frozenset(),
    ) -> dict[str, list[dict[str, Any]]]:
        """Read the rows of a table by a column, in lists by its values."""
        if not ids:
            return {}
        key = order or ("subscriber_id" if column == "subscriber_id" else "entity_id")
        known = self._columns_of(cursor, table)
        wanted = dict.fromkeys((*COLUMNS[table], *sorted(own)))
        columns = [name for name in wanted if name in known]
        names = {
            "columns": ", ".join(f"`{name}`" for name in columns),
            "table": self._table(table),
            "column": column,
            "order": key,
        }
        cursor.execute(_QUERIES["rows"].format(**names), {"ids": list(ids)})
        place = columns.index(column)
        by: dict[str, list[dict[str, Any]]] = {}
        for row in cursor.fetchall():
            by.setdefault(row[place], []).append(dict(zip(columns, row, strict=True)))
        return by

    def _columns_of(self, cursor: Cursor, table: str) -> frozenset[str]:
        """Return the columns that a table of this store has; they are read once."""
        if table not in self._columns:
            cursor.execute(_QUERIES["columns"].format(table=self._table(table)))
            self._columns[table] = frozenset(row[0] for row in cursor.fetchall())
        return self._columns[table]

    async def _bounds(
        self, kind: Kind, selection: Selection, names: Mapping[str, str]
    ) -> tuple[int, int]:
        since, until = selection.since, selection.until
        is_bounded = since is not None or until is not None
        if not kind.has_time_index or not is_bounded or names["happened"] == _NULL:
            ((last,),) = await self._rows("last", names, {})
            return 1, int(last or 0)
        values = {
            "since": _FIRST if since is None else _stamp(since),
            "until": _LAST if until is None else _stamp(until),
        }
        ((first, last),) = await self._rows("bounds", names, values)
        return int(first or 1), int(last or 0)

    async def _config(self) -> dict[tuple[str, int, str], str | None]:
        names = {"config": self._table("core_config_data")}
        rows = await self._rows("config", names, {"paths": list(_PATHS)})
        return {(scope, int(number), path): value for scope, number, path, value in rows}

    async def _rows(
        self, query: str, names: Mapping[str, str], values: Mapping[str, object]
    ) -> Sequence[tuple[Any, ...]]:
        statement = _QUERIES[query].format(**names)

        def work(cursor: Cursor) -> Sequence[tuple[Any, ...]]:
            cursor.execute(statement, values)
            return cursor.fetchall()

        return await self._run(work)

    async def _run(self, work: Callable[[Cursor], Result]) -> Result:
        try:
            return await self._connection.run(work)
        except DatabaseError:
            self._columns = {}  # a column may have been removed since
            raise

    async def _names(self, kind: Kind) -> dict[str, str]:
        known = await self._run(lambda cursor: self._columns_of(cursor, kind.table))

        def name(column: str) -> str:
            return column if column in known else _NULL

        return {
            "main": self._table(kind.table),
            "key": kind.key,
            "happened": name(kind.happened),
            "changed": name(kind.changed or kind.happened),
            "view": name("store_id"),
            "status": name(kind.status),
        }

    def _table(self, name: str) -> str:
        return f"`{self.options.table_prefix}{name}`"


def _document(
    rows: Rows,
    items: Mapping[str, list[dict[str, Any]]],
    tracks: Mapping[str, list[dict[str, Any]]],
    comments: Mapping[str, list[dict[str, Any]]],
    order: Rows | None,
) -> Rows:
    key = rows.main["entity_id"]
    of_order = order or Rows({})
    return replace(
        rows,
        items=items.get(key, []),
        tracks=tracks.get(key, []),
        comments=comments.get(key, []),
        order=order.main if order else None,
        order_items=of_order.items,
        addresses=of_order.addresses,
        payment=of_order.payment,
    )


def _link_base(
    config: Mapping[tuple[str, int, str], str | None], view: int, website: int, code: str | None
) -> str | None:
    """Return what a link of a store view begins with; None where the rows do not say it."""

    def value(path: str) -> str | None:
        for scope, number in (("stores", view), ("websites", website), ("default", 0)):
            if (scope, number, path) in config:
                return config[scope, number, path]
        return None

    base = value("web/unsecure/base_url") or ""
    link = (value("web/unsecure/base_link_url") or base).replace("{{unsecure_base_url}}", base)
    if not link.startswith("http"):
        return None
    script = "" if value("web/seo/use_rewrites") == "1" else "index.php/"
    in_url = f"{code}/" if value("web/url/use_store") == "1" else ""
    return f"{link.rstrip('/')}/{script}{in_url}"


def _read_texts(cursor: Cursor) -> None:
    """Let a new connection return values as the texts that the database sends, or None."""
    cursor.connection.decoders = {}


def _number(value: str | None) -> int | None:
    return None if value is None else int(value)


def seconds(value: str | None) -> float | None:
    """Return a time of the database, which is in UTC, in seconds; None where it is no time."""
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp() if value else None
    except ValueError:  # 0000-00-00 00:00:00
        return None


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
