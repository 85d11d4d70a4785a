-- Queries on Magento's own tables. Only `save` writes, for `agent enable` and `agent disable`.

-- name: config
-- Saved values whose path matches one of some patterns.
SELECT scope, scope_id, path, value FROM {prefix}core_config_data WHERE {paths}
ORDER BY config_id;

-- name: save
-- Save a value of the configuration, as `bin/magento config:set` does.
INSERT INTO {prefix}core_config_data (scope, scope_id, path, value)
VALUES (%(scope)s, %(scope_id)s, %(path)s, %(value)s)
ON DUPLICATE KEY UPDATE value = %(value)s;

-- name: websites
-- All websites.
SELECT website_id, code FROM {prefix}store_website ORDER BY website_id;

-- name: stores
-- All store views.
SELECT store_id, code, website_id FROM {prefix}store ORDER BY store_id;

-- name: versions
-- The versions of some modules that the store was last set up with.
SELECT module, schema_version, data_version FROM {prefix}setup_module WHERE module IN %(modules)s;

-- name: tables
-- Which of some tables exist.
SELECT TABLE_NAME FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN %(tables)s;

-- name: cron
-- How many seconds ago a cron job began, by the database's clock.
SELECT TIMESTAMPDIFF(SECOND, MAX(executed_at), NOW()) FROM {prefix}cron_schedule;

-- name: bridge
-- How many seconds ago a bridge wrote its heartbeat, by the database's clock.
SELECT UNIX_TIMESTAMP(NOW(6)) - MAX(heartbeat_at) FROM {prefix}eventbridge_bridge;
