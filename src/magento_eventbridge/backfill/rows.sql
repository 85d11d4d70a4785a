-- The queries of backfill and audit. All read by an index, none locks, none runs in a transaction:
-- each reads a limited number of rows, so that the store's database can drop old row versions.

-- name: bounds
-- The first and last key of the entities of a time range, by the index on the time.
SELECT MIN({key}), MAX({key}) FROM {main} WHERE {happened} >= %(since)s AND {happened} < %(until)s;

-- name: last
-- The last key of all.
SELECT MAX({key}) FROM {main};

-- name: page
-- What decides whether an entity is wanted, in the order of the primary key.
SELECT {key}, {happened}, {view}, {status}
FROM {main} FORCE INDEX (PRIMARY)
WHERE {key} > %(after)s AND {key} <= %(last)s ORDER BY {key} LIMIT %(limit)s;

-- name: changed
-- Entities that were updated in a time range, by the index on the time.
SELECT {key}, {changed}, {happened} FROM {main}
WHERE {changed} >= %(since)s AND {changed} < %(until)s
  AND NOT ({changed} = %(since)s AND {key} <= %(after)s)
ORDER BY {changed}, {key} LIMIT %(limit)s;

-- name: rows
-- Rows of any table, by a column that has an index.
SELECT {columns} FROM {table} WHERE {column} IN %(ids)s ORDER BY {order};

-- name: columns
-- The columns that a table has in this store.
SHOW COLUMNS FROM {table};

-- name: views
-- The store's views with the codes of their websites.
SELECT s.store_id, s.code, s.website_id, w.code
FROM {store} AS s LEFT JOIN {website} AS w ON w.website_id = s.website_id;

-- name: config
-- Settings of the store: its time zone, and what its links begin with.
SELECT scope, scope_id, path, value FROM {config} WHERE path IN %(paths)s;

-- name: order_statuses
-- The names of the store's order statuses.
SELECT status FROM {statuses} ORDER BY status;
