-- Tables of a real Magento 2.4.6 store that backfill reads, with the rows of the day in store_day_captures.ndjson.

CREATE TABLE `{prefix}sales_order` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `state` varchar(32) DEFAULT NULL,
  `status` varchar(32) DEFAULT NULL,
  `coupon_code` varchar(255) DEFAULT NULL,
  `protect_code` varchar(255) DEFAULT NULL,
  `shipping_description` varchar(255) DEFAULT NULL,
  `is_virtual` smallint(5) unsigned DEFAULT NULL,
  `store_id` smallint(5) unsigned DEFAULT NULL,
  `customer_id` int(10) unsigned DEFAULT NULL,
  `base_discount_amount` decimal(20,4) DEFAULT NULL,
  `base_discount_canceled` decimal(20,4) DEFAULT NULL,
  `base_discount_invoiced` decimal(20,4) DEFAULT NULL,
  `base_discount_refunded` decimal(20,4) DEFAULT NULL,
  `base_grand_total` decimal(20,4) DEFAULT NULL,
  `base_shipping_amount` decimal(20,4) DEFAULT NULL,
  `base_shipping_canceled` decimal(20,4) DEFAULT NULL,
  `base_shipping_invoiced` decimal(20,4) DEFAULT NULL,
  `base_shipping_refunded` decimal(20,4) DEFAULT NULL,
  `base_shipping_tax_amount` decimal(20,4) DEFAULT NULL,
  `base_shipping_tax_refunded` decimal(20,4) DEFAULT NULL,
  `base_subtotal` decimal(20,4) DEFAULT NULL,
  `base_subtotal_canceled` decimal(20,4) DEFAULT NULL,
  `base_subtotal_invoiced` decimal(20,4) DEFAULT NULL,
  `base_subtotal_refunded` decimal(20,4) DEFAULT NULL,
  `base_tax_amount` decimal(20,4) DEFAULT NULL,
  `base_tax_canceled` decimal(20,4) DEFAULT NULL,
  `base_tax_invoiced` decimal(20,4) DEFAULT NULL,
  `base_tax_refunded` decimal(20,4) DEFAULT NULL,
  `base_to_global_rate` decimal(20,4) DEFAULT NULL,
  `base_to_order_rate` decimal(20,4) DEFAULT NULL,
  `base_total_canceled` decimal(20,4) DEFAULT NULL,
  `base_total_invoiced` decimal(20,4) DEFAULT NULL,
  `base_total_invoiced_cost` decimal(20,4) DEFAULT NULL,
  `base_total_offline_refunded` decimal(20,4) DEFAULT NULL,
  `base_total_online_refunded` decimal(20,4) DEFAULT NULL,
  `base_total_paid` decimal(20,4) DEFAULT NULL,
  `base_total_qty_ordered` decimal(12,4) DEFAULT NULL,
  `base_total_refunded` decimal(20,4) DEFAULT NULL,
  `discount_amount` decimal(20,4) DEFAULT NULL,
  `discount_canceled` decimal(20,4) DEFAULT NULL,
  `discount_invoiced` decimal(20,4) DEFAULT NULL,
  `discount_refunded` decimal(20,4) DEFAULT NULL,
  `grand_total` decimal(20,4) DEFAULT NULL,
  `shipping_amount` decimal(20,4) DEFAULT NULL,
  `shipping_canceled` decimal(20,4) DEFAULT NULL,
  `shipping_invoiced` decimal(20,4) DEFAULT NULL,
  `shipping_refunded` decimal(20,4) DEFAULT NULL,
  `shipping_tax_amount` decimal(20,4) DEFAULT NULL,
  `shipping_tax_refunded` decimal(20,4) DEFAULT NULL,
  `store_to_base_rate` decimal(12,4) DEFAULT NULL,
  `store_to_order_rate` decimal(12,4) DEFAULT NULL,
  `subtotal` decimal(20,4) DEFAULT NULL,
  `subtotal_canceled` decimal(20,4) DEFAULT NULL,
  `subtotal_invoiced` decimal(20,4) DEFAULT NULL,
  `subtotal_refunded` decimal(20,4) DEFAULT NULL,
  `tax_amount` decimal(20,4) DEFAULT NULL,
  `tax_canceled` decimal(20,4) DEFAULT NULL,
  `tax_invoiced` decimal(20,4) DEFAULT NULL,
  `tax_refunded` decimal(20,4) DEFAULT NULL,
  `total_canceled` decimal(20,4) DEFAULT NULL,
  `total_invoiced` decimal(20,4) DEFAULT NULL,
  `total_offline_refunded` decimal(20,4) DEFAULT NULL,
  `total_online_refunded` decimal(20,4) DEFAULT NULL,
  `total_paid` decimal(20,4) DEFAULT NULL,
  `total_qty_ordered` decimal(12,4) DEFAULT NULL,
  `total_refunded` decimal(20,4) DEFAULT NULL,
  `can_ship_partially` smallint(5) unsigned DEFAULT NULL,
  `can_ship_partially_item` smallint(5) unsigned DEFAULT NULL,
  `customer_is_guest` smallint(5) unsigned DEFAULT NULL,
  `customer_note_notify` smallint(5) unsigned DEFAULT NULL,
  `billing_address_id` int(11) DEFAULT NULL,
  `customer_group_id` int(11) DEFAULT NULL,
  `edit_increment` int(11) DEFAULT NULL,
  `email_sent` smallint(5) unsigned DEFAULT NULL,
  `send_email` smallint(5) unsigned DEFAULT NULL,
  `forced_shipment_with_invoice` smallint(5) unsigned DEFAULT NULL,
  `payment_auth_expiration` int(11) DEFAULT NULL,
  `quote_address_id` int(11) DEFAULT NULL,
  `quote_id` int(11) DEFAULT NULL,
  `shipping_address_id` int(11) DEFAULT NULL,
  `adjustment_negative` decimal(20,4) DEFAULT NULL,
  `adjustment_positive` decimal(20,4) DEFAULT NULL,
  `base_adjustment_negative` decimal(20,4) DEFAULT NULL,
  `base_adjustment_positive` decimal(20,4) DEFAULT NULL,
  `base_shipping_discount_amount` decimal(20,4) DEFAULT NULL,
  `base_subtotal_incl_tax` decimal(20,4) DEFAULT NULL,
  `base_total_due` decimal(20,4) DEFAULT NULL,
  `payment_authorization_amount` decimal(20,4) DEFAULT NULL,
  `shipping_discount_amount` decimal(20,4) DEFAULT NULL,
  `subtotal_incl_tax` decimal(20,4) DEFAULT NULL,
  `total_due` decimal(20,4) DEFAULT NULL,
  `weight` decimal(12,4) DEFAULT NULL,
  `customer_dob` datetime DEFAULT NULL,
  `increment_id` varchar(50) DEFAULT NULL,
  `applied_rule_ids` varchar(128) DEFAULT NULL,
  `base_currency_code` varchar(3) DEFAULT NULL,
  `customer_email` varchar(128) DEFAULT NULL,
  `customer_firstname` varchar(128) DEFAULT NULL,
  `customer_lastname` varchar(128) DEFAULT NULL,
  `customer_middlename` varchar(128) DEFAULT NULL,
  `customer_prefix` varchar(32) DEFAULT NULL,
  `customer_suffix` varchar(32) DEFAULT NULL,
  `customer_taxvat` varchar(32) DEFAULT NULL,
  `discount_description` varchar(255) DEFAULT NULL,
  `ext_customer_id` varchar(32) DEFAULT NULL,
  `ext_order_id` varchar(32) DEFAULT NULL,
  `global_currency_code` varchar(3) DEFAULT NULL,
  `hold_before_state` varchar(32) DEFAULT NULL,
  `hold_before_status` varchar(32) DEFAULT NULL,
  `order_currency_code` varchar(3) DEFAULT NULL,
  `original_increment_id` varchar(50) DEFAULT NULL,
  `relation_child_id` varchar(32) DEFAULT NULL,
  `relation_child_real_id` varchar(32) DEFAULT NULL,
  `relation_parent_id` varchar(32) DEFAULT NULL,
  `relation_parent_real_id` varchar(32) DEFAULT NULL,
  `remote_ip` varchar(45) DEFAULT NULL,
  `shipping_method` varchar(120) DEFAULT NULL,
  `store_currency_code` varchar(3) DEFAULT NULL,
  `store_name` varchar(255) DEFAULT NULL,
  `x_forwarded_for` varchar(255) DEFAULT NULL,
  `customer_note` text DEFAULT NULL,
  `created_at` timestamp NOT NULL DEFAULT current_timestamp(),
  `updated_at` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  `total_item_count` smallint(5) unsigned NOT NULL DEFAULT 0,
  `customer_gender` int(11) DEFAULT NULL,
  `discount_tax_compensation_amount` decimal(20,4) DEFAULT NULL,
  `base_discount_tax_compensation_amount` decimal(20,4) DEFAULT NULL,
  `shipping_discount_tax_compensation_amount` decimal(20,4) DEFAULT NULL,
  `base_shipping_discount_tax_compensation_amnt` decimal(20,4) DEFAULT NULL,
  `discount_tax_compensation_invoiced` decimal(20,4) DEFAULT NULL,
  `base_discount_tax_compensation_invoiced` decimal(20,4) DEFAULT NULL,
  `discount_tax_compensation_refunded` decimal(20,4) DEFAULT NULL,
  `base_discount_tax_compensation_refunded` decimal(20,4) DEFAULT NULL,
  `shipping_incl_tax` decimal(20,4) DEFAULT NULL,
  `base_shipping_incl_tax` decimal(20,4) DEFAULT NULL,
  `coupon_rule_name` varchar(255) DEFAULT NULL,
  `gift_message_id` int(11) DEFAULT NULL,
  `paypal_ipn_customer_notified` int(11) DEFAULT 0,
  PRIMARY KEY (`entity_id`),
  UNIQUE KEY `SALES_ORDER_INCREMENT_ID_STORE_ID` (`increment_id`,`store_id`),
  KEY `SALES_ORDER_STATUS` (`status`),
  KEY `SALES_ORDER_STATE` (`state`),
  KEY `SALES_ORDER_STORE_ID` (`store_id`),
  KEY `SALES_ORDER_CREATED_AT` (`created_at`),
  KEY `SALES_ORDER_CUSTOMER_ID` (`customer_id`),
  KEY `SALES_ORDER_EXT_ORDER_ID` (`ext_order_id`),
  KEY `SALES_ORDER_QUOTE_ID` (`quote_id`),
  KEY `SALES_ORDER_UPDATED_AT` (`updated_at`),
  KEY `SALES_ORDER_SEND_EMAIL` (`send_email`),
  KEY `SALES_ORDER_EMAIL_SENT` (`email_sent`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_order` (`entity_id`,`state`,`status`,`protect_code`,`shipping_description`,`is_virtual`,`store_id`,`base_discount_amount`,`base_discount_invoiced`,`base_discount_refunded`,`base_grand_total`,`base_shipping_amount`,`base_shipping_invoiced`,`base_shipping_refunded`,`base_shipping_tax_amount`,`base_shipping_tax_refunded`,`base_subtotal`,`base_subtotal_invoiced`,`base_subtotal_refunded`,`base_tax_amount`,`base_tax_invoiced`,`base_tax_refunded`,`base_to_global_rate`,`base_to_order_rate`,`base_total_invoiced`,`base_total_invoiced_cost`,`base_total_offline_refunded`,`base_total_paid`,`base_total_refunded`,`discount_amount`,`discount_invoiced`,`discount_refunded`,`grand_total`,`shipping_amount`,`shipping_invoiced`,`shipping_refunded`,`shipping_tax_amount`,`shipping_tax_refunded`,`store_to_base_rate`,`store_to_order_rate`,`subtotal`,`subtotal_invoiced`,`subtotal_refunded`,`tax_amount`,`tax_invoiced`,`tax_refunded`,`total_invoiced`,`total_offline_refunded`,`total_paid`,`total_qty_ordered`,`total_refunded`,`customer_is_guest`,`customer_note_notify`,`billing_address_id`,`customer_group_id`,`email_sent`,`send_email`,`quote_id`,`shipping_address_id`,`adjustment_negative`,`adjustment_positive`,`base_adjustment_negative`,`base_adjustment_positive`,`base_shipping_discount_amount`,`base_subtotal_incl_tax`,`base_total_due`,`shipping_discount_amount`,`subtotal_incl_tax`,`total_due`,`weight`,`increment_id`,`applied_rule_ids`,`base_currency_code`,`customer_email`,`customer_firstname`,`customer_lastname`,`global_currency_code`,`order_currency_code`,`shipping_method`,`store_currency_code`,`store_name`,`created_at`,`updated_at`,`total_item_count`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`shipping_discount_tax_compensation_amount`,`base_shipping_discount_tax_compensation_amnt`,`discount_tax_compensation_invoiced`,`base_discount_tax_compensation_invoiced`,`discount_tax_compensation_refunded`,`base_discount_tax_compensation_refunded`,`shipping_incl_tax`,`base_shipping_incl_tax`,`paypal_ipn_customer_notified`) VALUES
(159,'closed','closed','x','Flat Rate - Fixed',0,1,0.0000,0.0000,0.0000,78.0000,10.0000,10.0000,10.0000,0.0000,0.0000,68.0000,68.0000,68.0000,0.0000,0.0000,0.0000,1.0000,1.0000,78.0000,0.0000,78.0000,78.0000,78.0000,0.0000,0.0000,0.0000,78.0000,10.0000,10.0000,10.0000,0.0000,0.0000,0.0000,0.0000,68.0000,68.0000,68.0000,0.0000,0.0000,0.0000,78.0000,78.0000,78.0000,2.0000,78.0000,1,0,310,0,1,1,292,309,0.0000,0.0000,0.0000,0.0000,0.0000,68.0000,0.0000,0.0000,68.0000,0.0000,0.0000,'000000165','2','USD','jane@example.com','Jane','Doe','USD','USD','flatrate_flatrate','USD','Main Website\nMain Website Store\nDefault Store View','2026-11-27 19:15:29','2026-11-27 19:15:38',1,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,10.0000,10.0000,0);

INSERT INTO `{prefix}sales_order` (`entity_id`,`state`,`status`,`protect_code`,`shipping_description`,`is_virtual`,`store_id`,`base_discount_amount`,`base_discount_canceled`,`base_grand_total`,`base_shipping_amount`,`base_shipping_canceled`,`base_shipping_tax_amount`,`base_subtotal`,`base_subtotal_canceled`,`base_tax_amount`,`base_tax_canceled`,`base_to_global_rate`,`base_to_order_rate`,`base_total_canceled`,`discount_amount`,`discount_canceled`,`grand_total`,`shipping_amount`,`shipping_canceled`,`shipping_tax_amount`,`store_to_base_rate`,`store_to_order_rate`,`subtotal`,`subtotal_canceled`,`tax_amount`,`tax_canceled`,`total_canceled`,`total_qty_ordered`,`customer_is_guest`,`customer_note_notify`,`billing_address_id`,`customer_group_id`,`email_sent`,`send_email`,`quote_id`,`shipping_address_id`,`base_shipping_discount_amount`,`base_subtotal_incl_tax`,`base_total_due`,`shipping_discount_amount`,`subtotal_incl_tax`,`total_due`,`weight`,`increment_id`,`applied_rule_ids`,`base_currency_code`,`customer_email`,`customer_firstname`,`customer_lastname`,`global_currency_code`,`order_currency_code`,`shipping_method`,`store_currency_code`,`store_name`,`created_at`,`updated_at`,`total_item_count`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`shipping_discount_tax_compensation_amount`,`base_shipping_discount_tax_compensation_amnt`,`shipping_incl_tax`,`base_shipping_incl_tax`,`paypal_ipn_customer_notified`) VALUES
(160,'canceled','canceled','x','Flat Rate - Fixed',0,1,0.0000,0.0000,32.0000,10.0000,10.0000,0.0000,22.0000,22.0000,0.0000,0.0000,1.0000,1.0000,32.0000,0.0000,0.0000,32.0000,10.0000,10.0000,0.0000,0.0000,0.0000,22.0000,22.0000,0.0000,0.0000,32.0000,1.0000,1,1,312,0,1,1,293,311,0.0000,22.0000,32.0000,0.0000,22.0000,32.0000,1.0000,'000000166','1','USD','guest@example.com','Jane','Doe','USD','USD','flatrate_flatrate','USD','Main Website\nMain Website Store\nDefault Store View','2026-11-27 19:15:45','2026-11-27 19:15:51',1,0.0000,0.0000,0.0000,0.0000,10.0000,10.0000,0);

INSERT INTO `{prefix}sales_order` (`entity_id`,`state`,`status`,`protect_code`,`shipping_description`,`is_virtual`,`store_id`,`base_discount_amount`,`base_grand_total`,`base_shipping_amount`,`base_shipping_tax_amount`,`base_subtotal`,`base_tax_amount`,`base_to_global_rate`,`base_to_order_rate`,`discount_amount`,`grand_total`,`shipping_amount`,`shipping_tax_amount`,`store_to_base_rate`,`store_to_order_rate`,`subtotal`,`tax_amount`,`total_qty_ordered`,`customer_is_guest`,`customer_note_notify`,`billing_address_id`,`customer_group_id`,`email_sent`,`send_email`,`quote_id`,`shipping_address_id`,`base_shipping_discount_amount`,`base_subtotal_incl_tax`,`base_total_due`,`shipping_discount_amount`,`subtotal_incl_tax`,`total_due`,`weight`,`increment_id`,`applied_rule_ids`,`base_currency_code`,`customer_email`,`customer_firstname`,`customer_lastname`,`global_currency_code`,`order_currency_code`,`shipping_method`,`store_currency_code`,`store_name`,`created_at`,`updated_at`,`total_item_count`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`shipping_discount_tax_compensation_amount`,`base_shipping_discount_tax_compensation_amnt`,`shipping_incl_tax`,`base_shipping_incl_tax`,`paypal_ipn_customer_notified`) VALUES
(161,'new','pending','x','Flat Rate - Fixed',0,1,0.0000,86.0000,20.0000,0.0000,66.0000,0.0000,1.0000,1.0000,0.0000,86.0000,20.0000,0.0000,0.0000,0.0000,66.0000,0.0000,3.0000,1,1,314,0,1,1,294,313,0.0000,66.0000,86.0000,0.0000,66.0000,86.0000,3.0000,'000000167','1,2','USD','guest@example.com','Jane','Doe','USD','USD','flatrate_flatrate','USD','Main Website\nMain Website Store\nDefault Store View','2026-11-27 19:15:52','2026-11-27 19:15:58',1,0.0000,0.0000,0.0000,0.0000,20.0000,20.0000,0);

INSERT INTO `{prefix}sales_order` (`entity_id`,`state`,`status`,`protect_code`,`is_virtual`,`store_id`,`base_discount_amount`,`base_grand_total`,`base_shipping_amount`,`base_shipping_tax_amount`,`base_subtotal`,`base_tax_amount`,`base_to_global_rate`,`base_to_order_rate`,`discount_amount`,`grand_total`,`shipping_amount`,`shipping_tax_amount`,`store_to_base_rate`,`store_to_order_rate`,`subtotal`,`tax_amount`,`total_qty_ordered`,`customer_is_guest`,`customer_note_notify`,`billing_address_id`,`customer_group_id`,`email_sent`,`send_email`,`quote_id`,`base_shipping_discount_amount`,`base_subtotal_incl_tax`,`base_total_due`,`shipping_discount_amount`,`subtotal_incl_tax`,`total_due`,`weight`,`increment_id`,`base_currency_code`,`customer_email`,`customer_firstname`,`customer_lastname`,`global_currency_code`,`order_currency_code`,`store_currency_code`,`store_name`,`created_at`,`updated_at`,`total_item_count`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`shipping_discount_tax_compensation_amount`,`base_shipping_discount_tax_compensation_amnt`,`shipping_incl_tax`,`base_shipping_incl_tax`,`paypal_ipn_customer_notified`) VALUES
(162,'new','pending','x',1,1,0.0000,6.0000,0.0000,0.0000,6.0000,0.0000,1.0000,1.0000,0.0000,6.0000,0.0000,0.0000,0.0000,0.0000,6.0000,0.0000,1.0000,1,1,315,0,1,1,295,0.0000,6.0000,6.0000,0.0000,6.0000,6.0000,0.0000,'000000168','USD','guest@example.com','Jane','Doe','USD','USD','USD','Main Website\nMain Website Store\nDefault Store View','2026-11-27 19:16:00','2026-11-27 19:16:07',1,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0);

INSERT INTO `{prefix}sales_order` (`entity_id`,`state`,`status`,`protect_code`,`shipping_description`,`is_virtual`,`store_id`,`customer_id`,`base_discount_amount`,`base_grand_total`,`base_shipping_amount`,`base_shipping_tax_amount`,`base_subtotal`,`base_tax_amount`,`base_to_global_rate`,`base_to_order_rate`,`discount_amount`,`grand_total`,`shipping_amount`,`shipping_tax_amount`,`store_to_base_rate`,`store_to_order_rate`,`subtotal`,`tax_amount`,`total_qty_ordered`,`customer_is_guest`,`customer_note_notify`,`billing_address_id`,`customer_group_id`,`quote_id`,`shipping_address_id`,`base_shipping_discount_amount`,`base_subtotal_incl_tax`,`base_total_due`,`shipping_discount_amount`,`subtotal_incl_tax`,`total_due`,`weight`,`increment_id`,`base_currency_code`,`customer_email`,`customer_firstname`,`customer_lastname`,`customer_prefix`,`global_currency_code`,`order_currency_code`,`shipping_method`,`store_currency_code`,`store_name`,`created_at`,`updated_at`,`total_item_count`,`customer_gender`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`shipping_discount_tax_compensation_amount`,`base_shipping_discount_tax_compensation_amnt`,`shipping_incl_tax`,`base_shipping_incl_tax`,`paypal_ipn_customer_notified`) VALUES
(163,'new','pending','x','Flat Rate - Fixed',0,1,65,0.0000,37.0000,5.0000,0.0000,32.0000,0.0000,1.0000,1.0000,0.0000,37.0000,5.0000,0.0000,0.0000,0.0000,32.0000,0.0000,1.0000,0,1,317,1,296,316,0.0000,32.0000,37.0000,0.0000,32.0000,37.0000,0.0000,'000000169','USD','ada06919@example.com','Ada','Test','Dr.','USD','USD','flatrate_flatrate','USD','Main Website\nMain Website Store\nDefault Store View','2026-11-27 19:16:46','2026-11-27 19:16:46',1,2,0.0000,0.0000,0.0000,0.0000,5.0000,5.0000,0);

INSERT INTO `{prefix}sales_order` (`entity_id`,`state`,`status`,`protect_code`,`shipping_description`,`is_virtual`,`store_id`,`base_discount_amount`,`base_discount_invoiced`,`base_grand_total`,`base_shipping_amount`,`base_shipping_invoiced`,`base_shipping_tax_amount`,`base_subtotal`,`base_subtotal_invoiced`,`base_tax_amount`,`base_tax_invoiced`,`base_to_global_rate`,`base_to_order_rate`,`base_total_invoiced`,`base_total_invoiced_cost`,`base_total_paid`,`discount_amount`,`discount_invoiced`,`grand_total`,`shipping_amount`,`shipping_invoiced`,`shipping_tax_amount`,`store_to_base_rate`,`store_to_order_rate`,`subtotal`,`subtotal_invoiced`,`tax_amount`,`tax_invoiced`,`total_invoiced`,`total_paid`,`total_qty_ordered`,`customer_is_guest`,`customer_note_notify`,`billing_address_id`,`customer_group_id`,`quote_id`,`shipping_address_id`,`base_shipping_discount_amount`,`base_subtotal_incl_tax`,`base_total_due`,`shipping_discount_amount`,`subtotal_incl_tax`,`total_due`,`weight`,`increment_id`,`applied_rule_ids`,`base_currency_code`,`customer_email`,`customer_firstname`,`customer_lastname`,`global_currency_code`,`order_currency_code`,`shipping_method`,`store_currency_code`,`store_name`,`created_at`,`updated_at`,`total_item_count`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`shipping_discount_tax_compensation_amount`,`base_shipping_discount_tax_compensation_amnt`,`discount_tax_compensation_invoiced`,`base_discount_tax_compensation_invoiced`,`shipping_incl_tax`,`base_shipping_incl_tax`,`paypal_ipn_customer_notified`) VALUES
(164,'processing','processing','x','Flat Rate - Fixed',0,1,0.0000,0.0000,86.0000,20.0000,20.0000,0.0000,66.0000,22.0000,0.0000,0.0000,1.0000,1.0000,42.0000,0.0000,42.0000,0.0000,0.0000,86.0000,20.0000,20.0000,0.0000,0.0000,0.0000,66.0000,22.0000,0.0000,0.0000,42.0000,42.0000,3.0000,1,1,319,0,297,318,0.0000,66.0000,44.0000,0.0000,66.0000,44.0000,3.0000,'000000170','1,2','USD','guest@example.com','Jane','Doe','USD','USD','flatrate_flatrate','USD','Main Website\nMain Website Store\nDefault Store View','2026-11-27 19:16:47','2026-11-27 19:16:47',1,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,20.0000,20.0000,0);

CREATE TABLE `{prefix}sales_order_item` (
  `item_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `order_id` int(10) unsigned NOT NULL DEFAULT 0,
  `parent_item_id` int(10) unsigned DEFAULT NULL,
  `quote_item_id` int(10) unsigned DEFAULT NULL,
  `store_id` smallint(5) unsigned DEFAULT NULL,
  `created_at` timestamp NOT NULL DEFAULT current_timestamp(),
  `updated_at` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  `product_id` int(10) unsigned DEFAULT NULL,
  `product_type` varchar(255) DEFAULT NULL,
  `product_options` longtext DEFAULT NULL,
  `weight` decimal(12,4) DEFAULT 0.0000,
  `is_virtual` smallint(5) unsigned DEFAULT NULL,
  `sku` varchar(255) DEFAULT NULL,
  `name` varchar(255) DEFAULT NULL,
  `description` text DEFAULT NULL,
  `applied_rule_ids` text DEFAULT NULL,
  `additional_data` text DEFAULT NULL,
  `is_qty_decimal` smallint(5) unsigned DEFAULT NULL,
  `no_discount` smallint(5) unsigned NOT NULL DEFAULT 0,
  `qty_backordered` decimal(12,4) DEFAULT 0.0000,
  `qty_canceled` decimal(12,4) DEFAULT 0.0000,
  `qty_invoiced` decimal(12,4) DEFAULT 0.0000,
  `qty_ordered` decimal(12,4) DEFAULT 0.0000,
  `qty_refunded` decimal(12,4) DEFAULT 0.0000,
  `qty_shipped` decimal(12,4) DEFAULT 0.0000,
  `base_cost` decimal(12,4) DEFAULT 0.0000,
  `price` decimal(12,4) NOT NULL DEFAULT 0.0000,
  `base_price` decimal(12,4) NOT NULL DEFAULT 0.0000,
  `original_price` decimal(12,4) DEFAULT NULL,
  `base_original_price` decimal(12,4) DEFAULT NULL,
  `tax_percent` decimal(12,4) DEFAULT 0.0000,
  `tax_amount` decimal(20,4) DEFAULT 0.0000,
  `base_tax_amount` decimal(20,4) DEFAULT 0.0000,
  `tax_invoiced` decimal(20,4) DEFAULT 0.0000,
  `base_tax_invoiced` decimal(20,4) DEFAULT 0.0000,
  `discount_percent` decimal(12,4) DEFAULT 0.0000,
  `discount_amount` decimal(20,4) DEFAULT 0.0000,
  `base_discount_amount` decimal(20,4) DEFAULT 0.0000,
  `discount_invoiced` decimal(20,4) DEFAULT 0.0000,
  `base_discount_invoiced` decimal(20,4) DEFAULT 0.0000,
  `amount_refunded` decimal(20,4) DEFAULT 0.0000,
  `base_amount_refunded` decimal(20,4) DEFAULT 0.0000,
  `row_total` decimal(20,4) NOT NULL DEFAULT 0.0000,
  `base_row_total` decimal(20,4) NOT NULL DEFAULT 0.0000,
  `row_invoiced` decimal(20,4) NOT NULL DEFAULT 0.0000,
  `base_row_invoiced` decimal(20,4) NOT NULL DEFAULT 0.0000,
  `row_weight` decimal(12,4) DEFAULT 0.0000,
  `base_tax_before_discount` decimal(20,4) DEFAULT NULL,
  `tax_before_discount` decimal(20,4) DEFAULT NULL,
  `ext_order_item_id` varchar(255) DEFAULT NULL,
  `locked_do_invoice` smallint(5) unsigned DEFAULT NULL,
  `locked_do_ship` smallint(5) unsigned DEFAULT NULL,
  `price_incl_tax` decimal(20,4) DEFAULT NULL,
  `base_price_incl_tax` decimal(20,4) DEFAULT NULL,
  `row_total_incl_tax` decimal(20,4) DEFAULT NULL,
  `base_row_total_incl_tax` decimal(20,4) DEFAULT NULL,
  `discount_tax_compensation_amount` decimal(20,4) DEFAULT NULL,
  `base_discount_tax_compensation_amount` decimal(20,4) DEFAULT NULL,
  `discount_tax_compensation_invoiced` decimal(20,4) DEFAULT NULL,
  `base_discount_tax_compensation_invoiced` decimal(20,4) DEFAULT NULL,
  `discount_tax_compensation_refunded` decimal(20,4) DEFAULT NULL,
  `base_discount_tax_compensation_refunded` decimal(20,4) DEFAULT NULL,
  `tax_canceled` decimal(12,4) DEFAULT NULL,
  `discount_tax_compensation_canceled` decimal(20,4) DEFAULT NULL,
  `tax_refunded` decimal(20,4) DEFAULT NULL,
  `base_tax_refunded` decimal(20,4) DEFAULT NULL,
  `discount_refunded` decimal(20,4) DEFAULT NULL,
  `base_discount_refunded` decimal(20,4) DEFAULT NULL,
  `weee_tax_applied` text DEFAULT NULL,
  `weee_tax_applied_amount` decimal(12,4) DEFAULT NULL,
  `weee_tax_applied_row_amount` decimal(12,4) DEFAULT NULL,
  `weee_tax_disposition` decimal(12,4) DEFAULT NULL,
  `weee_tax_row_disposition` decimal(12,4) DEFAULT NULL,
  `base_weee_tax_applied_amount` decimal(12,4) DEFAULT NULL,
  `base_weee_tax_applied_row_amnt` decimal(12,4) DEFAULT NULL,
  `base_weee_tax_disposition` decimal(12,4) DEFAULT NULL,
  `base_weee_tax_row_disposition` decimal(12,4) DEFAULT NULL,
  `gift_message_id` int(11) DEFAULT NULL,
  `gift_message_available` int(11) DEFAULT NULL,
  `free_shipping` smallint(5) unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY (`item_id`),
  KEY `SALES_ORDER_ITEM_ORDER_ID` (`order_id`),
  KEY `SALES_ORDER_ITEM_STORE_ID` (`store_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_order_item` (`item_id`,`order_id`,`quote_item_id`,`store_id`,`created_at`,`updated_at`,`product_id`,`product_type`,`product_options`,`is_virtual`,`sku`,`name`,`applied_rule_ids`,`is_qty_decimal`,`no_discount`,`qty_canceled`,`qty_invoiced`,`qty_ordered`,`qty_refunded`,`qty_shipped`,`price`,`base_price`,`original_price`,`base_original_price`,`tax_percent`,`tax_amount`,`base_tax_amount`,`tax_invoiced`,`base_tax_invoiced`,`discount_percent`,`discount_amount`,`base_discount_amount`,`discount_invoiced`,`base_discount_invoiced`,`amount_refunded`,`base_amount_refunded`,`row_total`,`base_row_total`,`row_invoiced`,`base_row_invoiced`,`row_weight`,`price_incl_tax`,`base_price_incl_tax`,`row_total_incl_tax`,`base_row_total_incl_tax`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`discount_tax_compensation_invoiced`,`base_discount_tax_compensation_invoiced`,`discount_tax_compensation_refunded`,`base_discount_tax_compensation_refunded`,`tax_refunded`,`base_tax_refunded`,`discount_refunded`,`base_discount_refunded`,`weee_tax_applied`,`free_shipping`) VALUES
(186,159,284,1,'2026-11-27 19:15:29','2026-11-27 19:15:38',1,'simple','{\"info_buyRequest\":{\"qty\":2}}',0,'24-MB01','Joust Duffle Bag','2',0,0,0.0000,2.0000,2.0000,2.0000,2.0000,34.0000,34.0000,34.0000,34.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,68.0000,68.0000,68.0000,68.0000,68.0000,68.0000,0.0000,34.0000,34.0000,68.0000,68.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,'[]',0);

INSERT INTO `{prefix}sales_order_item` (`item_id`,`order_id`,`quote_item_id`,`store_id`,`created_at`,`updated_at`,`product_id`,`product_type`,`product_options`,`weight`,`is_virtual`,`sku`,`name`,`applied_rule_ids`,`is_qty_decimal`,`no_discount`,`qty_canceled`,`qty_invoiced`,`qty_ordered`,`qty_refunded`,`qty_shipped`,`price`,`base_price`,`original_price`,`base_original_price`,`tax_percent`,`tax_amount`,`base_tax_amount`,`tax_invoiced`,`base_tax_invoiced`,`discount_percent`,`discount_amount`,`base_discount_amount`,`discount_invoiced`,`base_discount_invoiced`,`amount_refunded`,`base_amount_refunded`,`row_total`,`base_row_total`,`row_invoiced`,`base_row_invoiced`,`row_weight`,`price_incl_tax`,`base_price_incl_tax`,`row_total_incl_tax`,`base_row_total_incl_tax`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`tax_canceled`,`discount_tax_compensation_canceled`,`free_shipping`) VALUES
(187,160,285,1,'2026-11-27 19:15:45','2026-11-27 19:15:51',1562,'configurable','{\"info_buyRequest\":{\"qty\":1,\"super_attribute\":{\"142\":\"166\",\"93\":\"50\"}},\"attributes_info\":[{\"label\":\"Size\",\"value\":\"XS\",\"option_id\":142,\"option_value\":\"166\"},{\"label\":\"Color\",\"value\":\"Blue\",\"option_id\":93,\"option_value\":\"50\"}],\"simple_name\":\"Radiant Tee-XS-Blue\",\"simple_sku\":\"WS12-XS-Blue\",\"product_calculations\":1,\"shipment_type\":0}',1.0000,0,'WS12-XS-Blue','Radiant Tee','1',0,0,1.0000,0.0000,1.0000,0.0000,0.0000,22.0000,22.0000,22.0000,22.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,22.0000,22.0000,0.0000,0.0000,1.0000,22.0000,22.0000,22.0000,22.0000,0.0000,0.0000,0.0000,0.0000,0);

INSERT INTO `{prefix}sales_order_item` (`item_id`,`order_id`,`parent_item_id`,`quote_item_id`,`store_id`,`created_at`,`updated_at`,`product_id`,`product_type`,`product_options`,`weight`,`is_virtual`,`sku`,`name`,`is_qty_decimal`,`no_discount`,`qty_canceled`,`qty_invoiced`,`qty_ordered`,`qty_refunded`,`qty_shipped`,`price`,`base_price`,`original_price`,`tax_percent`,`tax_amount`,`base_tax_amount`,`tax_invoiced`,`base_tax_invoiced`,`discount_percent`,`discount_amount`,`base_discount_amount`,`discount_invoiced`,`base_discount_invoiced`,`amount_refunded`,`base_amount_refunded`,`row_total`,`base_row_total`,`row_invoiced`,`base_row_invoiced`,`row_weight`,`tax_canceled`,`discount_tax_compensation_canceled`,`free_shipping`) VALUES
(188,160,187,286,1,'2026-11-27 19:15:45','2026-11-27 19:15:51',1547,'simple','{\"info_buyRequest\":{\"qty\":1,\"super_attribute\":{\"142\":\"166\",\"93\":\"50\"}}}',1.0000,0,'WS12-XS-Blue','Radiant Tee-XS-Blue',0,0,0.0000,0.0000,1.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0);

INSERT INTO `{prefix}sales_order_item` (`item_id`,`order_id`,`quote_item_id`,`store_id`,`created_at`,`updated_at`,`product_id`,`product_type`,`product_options`,`weight`,`is_virtual`,`sku`,`name`,`applied_rule_ids`,`is_qty_decimal`,`no_discount`,`qty_canceled`,`qty_invoiced`,`qty_ordered`,`qty_refunded`,`qty_shipped`,`price`,`base_price`,`original_price`,`base_original_price`,`tax_percent`,`tax_amount`,`base_tax_amount`,`tax_invoiced`,`base_tax_invoiced`,`discount_percent`,`discount_amount`,`base_discount_amount`,`discount_invoiced`,`base_discount_invoiced`,`amount_refunded`,`base_amount_refunded`,`row_total`,`base_row_total`,`row_invoiced`,`base_row_invoiced`,`row_weight`,`price_incl_tax`,`base_price_incl_tax`,`row_total_incl_tax`,`base_row_total_incl_tax`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`free_shipping`) VALUES
(189,161,287,1,'2026-11-27 19:15:52','2026-11-27 19:15:52',1562,'configurable','{\"info_buyRequest\":{\"qty\":3,\"super_attribute\":{\"142\":\"166\",\"93\":\"50\"}},\"attributes_info\":[{\"label\":\"Size\",\"value\":\"XS\",\"option_id\":142,\"option_value\":\"166\"},{\"label\":\"Color\",\"value\":\"Blue\",\"option_id\":93,\"option_value\":\"50\"}],\"simple_name\":\"Radiant Tee-XS-Blue\",\"simple_sku\":\"WS12-XS-Blue\",\"product_calculations\":1,\"shipment_type\":0}',1.0000,0,'WS12-XS-Blue','Radiant Tee','1,2',0,0,0.0000,0.0000,3.0000,0.0000,0.0000,22.0000,22.0000,22.0000,22.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,66.0000,66.0000,0.0000,0.0000,0.0000,22.0000,22.0000,66.0000,66.0000,0.0000,0.0000,0);

INSERT INTO `{prefix}sales_order_item` (`item_id`,`order_id`,`parent_item_id`,`quote_item_id`,`store_id`,`created_at`,`updated_at`,`product_id`,`product_type`,`product_options`,`weight`,`is_virtual`,`sku`,`name`,`is_qty_decimal`,`no_discount`,`qty_canceled`,`qty_invoiced`,`qty_ordered`,`qty_refunded`,`qty_shipped`,`price`,`base_price`,`original_price`,`tax_percent`,`tax_amount`,`base_tax_amount`,`tax_invoiced`,`base_tax_invoiced`,`discount_percent`,`discount_amount`,`base_discount_amount`,`discount_invoiced`,`base_discount_invoiced`,`amount_refunded`,`base_amount_refunded`,`row_total`,`base_row_total`,`row_invoiced`,`base_row_invoiced`,`row_weight`,`free_shipping`) VALUES
(190,161,189,288,1,'2026-11-27 19:15:52','2026-11-27 19:15:52',1547,'simple','{\"info_buyRequest\":{\"qty\":3,\"super_attribute\":{\"142\":\"166\",\"93\":\"50\"}}}',1.0000,0,'WS12-XS-Blue','Radiant Tee-XS-Blue',0,0,0.0000,0.0000,3.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0);

INSERT INTO `{prefix}sales_order_item` (`item_id`,`order_id`,`quote_item_id`,`store_id`,`created_at`,`updated_at`,`product_id`,`product_type`,`product_options`,`is_virtual`,`sku`,`name`,`is_qty_decimal`,`no_discount`,`qty_canceled`,`qty_invoiced`,`qty_ordered`,`qty_refunded`,`qty_shipped`,`price`,`base_price`,`original_price`,`base_original_price`,`tax_percent`,`tax_amount`,`base_tax_amount`,`tax_invoiced`,`base_tax_invoiced`,`discount_percent`,`discount_amount`,`base_discount_amount`,`discount_invoiced`,`base_discount_invoiced`,`amount_refunded`,`base_amount_refunded`,`row_total`,`base_row_total`,`row_invoiced`,`base_row_invoiced`,`row_weight`,`price_incl_tax`,`base_price_incl_tax`,`row_total_incl_tax`,`base_row_total_incl_tax`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`free_shipping`) VALUES
(191,162,289,1,'2026-11-27 19:16:00','2026-11-27 19:16:00',47,'downloadable','{\"info_buyRequest\":{\"qty\":1},\"links\":[\"1\"],\"is_downloadable\":true,\"real_product_type\":\"downloadable\"}',1,'240-LV04','Beginner\'s Yoga',0,0,0.0000,0.0000,1.0000,0.0000,0.0000,6.0000,6.0000,6.0000,6.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,6.0000,6.0000,0.0000,0.0000,0.0000,6.0000,6.0000,6.0000,6.0000,0.0000,0.0000,0);

INSERT INTO `{prefix}sales_order_item` (`item_id`,`order_id`,`quote_item_id`,`store_id`,`created_at`,`updated_at`,`product_id`,`product_type`,`product_options`,`is_virtual`,`sku`,`name`,`is_qty_decimal`,`no_discount`,`qty_canceled`,`qty_invoiced`,`qty_ordered`,`qty_refunded`,`qty_shipped`,`price`,`base_price`,`original_price`,`base_original_price`,`tax_percent`,`tax_amount`,`base_tax_amount`,`tax_invoiced`,`base_tax_invoiced`,`discount_percent`,`discount_amount`,`base_discount_amount`,`discount_invoiced`,`base_discount_invoiced`,`amount_refunded`,`base_amount_refunded`,`row_total`,`base_row_total`,`row_invoiced`,`base_row_invoiced`,`row_weight`,`price_incl_tax`,`base_price_incl_tax`,`row_total_incl_tax`,`base_row_total_incl_tax`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`free_shipping`) VALUES
(192,163,290,1,'2026-11-27 19:16:46','2026-11-27 19:16:46',2,'simple','{\"info_buyRequest\":{\"qty\":1}}',0,'24-MB04','Strive Shoulder Pack',0,0,0.0000,0.0000,1.0000,0.0000,0.0000,32.0000,32.0000,32.0000,32.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,32.0000,32.0000,0.0000,0.0000,0.0000,32.0000,32.0000,32.0000,32.0000,0.0000,0.0000,0);

INSERT INTO `{prefix}sales_order_item` (`item_id`,`order_id`,`quote_item_id`,`store_id`,`created_at`,`updated_at`,`product_id`,`product_type`,`product_options`,`weight`,`is_virtual`,`sku`,`name`,`applied_rule_ids`,`is_qty_decimal`,`no_discount`,`qty_canceled`,`qty_invoiced`,`qty_ordered`,`qty_refunded`,`qty_shipped`,`price`,`base_price`,`original_price`,`base_original_price`,`tax_percent`,`tax_amount`,`base_tax_amount`,`tax_invoiced`,`base_tax_invoiced`,`discount_percent`,`discount_amount`,`base_discount_amount`,`discount_invoiced`,`base_discount_invoiced`,`amount_refunded`,`base_amount_refunded`,`row_total`,`base_row_total`,`row_invoiced`,`base_row_invoiced`,`row_weight`,`price_incl_tax`,`base_price_incl_tax`,`row_total_incl_tax`,`base_row_total_incl_tax`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`discount_tax_compensation_invoiced`,`base_discount_tax_compensation_invoiced`,`weee_tax_applied`,`free_shipping`) VALUES
(193,164,291,1,'2026-11-27 19:16:47','2026-11-27 19:16:47',1562,'configurable','{\"info_buyRequest\":{\"qty\":3,\"super_attribute\":{\"142\":\"166\",\"93\":\"50\"}},\"attributes_info\":[{\"label\":\"Size\",\"value\":\"XS\",\"option_id\":142,\"option_value\":\"166\"},{\"label\":\"Color\",\"value\":\"Blue\",\"option_id\":93,\"option_value\":\"50\"}],\"simple_name\":\"Radiant Tee-XS-Blue\",\"simple_sku\":\"WS12-XS-Blue\",\"product_calculations\":1,\"shipment_type\":0}',1.0000,0,'WS12-XS-Blue','Radiant Tee','1,2',0,0,0.0000,1.0000,3.0000,0.0000,0.0000,22.0000,22.0000,22.0000,22.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,66.0000,66.0000,22.0000,22.0000,0.0000,22.0000,22.0000,66.0000,66.0000,0.0000,0.0000,0.0000,0.0000,'[]',0);

INSERT INTO `{prefix}sales_order_item` (`item_id`,`order_id`,`parent_item_id`,`quote_item_id`,`store_id`,`created_at`,`updated_at`,`product_id`,`product_type`,`product_options`,`weight`,`is_virtual`,`sku`,`name`,`is_qty_decimal`,`no_discount`,`qty_canceled`,`qty_invoiced`,`qty_ordered`,`qty_refunded`,`qty_shipped`,`price`,`base_price`,`original_price`,`tax_percent`,`tax_amount`,`base_tax_amount`,`tax_invoiced`,`base_tax_invoiced`,`discount_percent`,`discount_amount`,`base_discount_amount`,`discount_invoiced`,`base_discount_invoiced`,`amount_refunded`,`base_amount_refunded`,`row_total`,`base_row_total`,`row_invoiced`,`base_row_invoiced`,`row_weight`,`discount_tax_compensation_invoiced`,`base_discount_tax_compensation_invoiced`,`free_shipping`) VALUES
(194,164,193,292,1,'2026-11-27 19:16:47','2026-11-27 19:16:47',1547,'simple','{\"info_buyRequest\":{\"qty\":3,\"super_attribute\":{\"142\":\"166\",\"93\":\"50\"}}}',1.0000,0,'WS12-XS-Blue','Radiant Tee-XS-Blue',0,0,0.0000,1.0000,3.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0);

CREATE TABLE `{prefix}sales_order_address` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `parent_id` int(10) unsigned DEFAULT NULL,
  `customer_address_id` int(11) DEFAULT NULL,
  `quote_address_id` int(11) DEFAULT NULL,
  `region_id` int(11) DEFAULT NULL,
  `customer_id` int(11) DEFAULT NULL,
  `fax` varchar(255) DEFAULT NULL,
  `region` varchar(255) DEFAULT NULL,
  `postcode` varchar(255) DEFAULT NULL,
  `lastname` varchar(255) DEFAULT NULL,
  `street` varchar(255) DEFAULT NULL,
  `city` varchar(255) DEFAULT NULL,
  `email` varchar(255) DEFAULT NULL,
  `telephone` varchar(255) DEFAULT NULL,
  `country_id` varchar(2) DEFAULT NULL,
  `firstname` varchar(255) DEFAULT NULL,
  `address_type` varchar(255) DEFAULT NULL,
  `prefix` varchar(255) DEFAULT NULL,
  `middlename` varchar(255) DEFAULT NULL,
  `suffix` varchar(255) DEFAULT NULL,
  `company` varchar(255) DEFAULT NULL,
  `vat_id` text DEFAULT NULL,
  `vat_is_valid` smallint(6) DEFAULT NULL,
  `vat_request_id` text DEFAULT NULL,
  `vat_request_date` text DEFAULT NULL,
  `vat_request_success` smallint(6) DEFAULT NULL,
  PRIMARY KEY (`entity_id`),
  KEY `SALES_ORDER_ADDRESS_PARENT_ID` (`parent_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_order_address` (`entity_id`,`parent_id`,`quote_address_id`,`region_id`,`region`,`postcode`,`lastname`,`street`,`city`,`email`,`telephone`,`country_id`,`firstname`,`address_type`) VALUES
(309,159,771,12,'California','90001','Doe','via di test 1','Los Angeles','guest@example.com','5551234567','US','Jane','shipping');

INSERT INTO `{prefix}sales_order_address` (`entity_id`,`parent_id`,`quote_address_id`,`region_id`,`region`,`postcode`,`lastname`,`street`,`city`,`email`,`telephone`,`country_id`,`firstname`,`address_type`) VALUES
(310,159,770,12,'California','90001','Doe','via di test 1','Los Angeles','guest@example.com','5551234567','US','Jane','billing');

INSERT INTO `{prefix}sales_order_address` (`entity_id`,`parent_id`,`quote_address_id`,`region_id`,`region`,`postcode`,`lastname`,`street`,`city`,`email`,`telephone`,`country_id`,`firstname`,`address_type`) VALUES
(311,160,773,12,'California','90001','Doe','via di test 1','Los Angeles','guest@example.com','5551234567','US','Jane','shipping');

INSERT INTO `{prefix}sales_order_address` (`entity_id`,`parent_id`,`quote_address_id`,`region_id`,`region`,`postcode`,`lastname`,`street`,`city`,`email`,`telephone`,`country_id`,`firstname`,`address_type`) VALUES
(312,160,772,12,'California','90001','Doe','via di test 1','Los Angeles','guest@example.com','5551234567','US','Jane','billing');

INSERT INTO `{prefix}sales_order_address` (`entity_id`,`parent_id`,`quote_address_id`,`region_id`,`region`,`postcode`,`lastname`,`street`,`city`,`email`,`telephone`,`country_id`,`firstname`,`address_type`) VALUES
(313,161,775,12,'California','90001','Doe','via di test 1','Los Angeles','guest@example.com','5551234567','US','Jane','shipping');

INSERT INTO `{prefix}sales_order_address` (`entity_id`,`parent_id`,`quote_address_id`,`region_id`,`region`,`postcode`,`lastname`,`street`,`city`,`email`,`telephone`,`country_id`,`firstname`,`address_type`) VALUES
(314,161,774,12,'California','90001','Doe','via di test 1','Los Angeles','guest@example.com','5551234567','US','Jane','billing');

INSERT INTO `{prefix}sales_order_address` (`entity_id`,`parent_id`,`quote_address_id`,`region_id`,`region`,`postcode`,`lastname`,`street`,`city`,`email`,`telephone`,`country_id`,`firstname`,`address_type`) VALUES
(315,162,776,12,'California','90001','Doe','via di test 1','Los Angeles','guest@example.com','5551234567','US','Jane','billing');

INSERT INTO `{prefix}sales_order_address` (`entity_id`,`parent_id`,`quote_address_id`,`region_id`,`region`,`postcode`,`lastname`,`street`,`city`,`email`,`telephone`,`country_id`,`firstname`,`address_type`) VALUES
(316,163,779,12,'California','90001','Doe','via di test 1','Los Angeles','ada06919@example.com','5551234567','US','Jane','shipping');

INSERT INTO `{prefix}sales_order_address` (`entity_id`,`parent_id`,`quote_address_id`,`region_id`,`region`,`postcode`,`lastname`,`street`,`city`,`email`,`telephone`,`country_id`,`firstname`,`address_type`) VALUES
(317,163,778,12,'California','90001','Doe','via di test 1','Los Angeles','ada06919@example.com','5551234567','US','Jane','billing');

INSERT INTO `{prefix}sales_order_address` (`entity_id`,`parent_id`,`quote_address_id`,`region_id`,`region`,`postcode`,`lastname`,`street`,`city`,`email`,`telephone`,`country_id`,`firstname`,`address_type`) VALUES
(318,164,781,12,'California','90001','Doe','via di test 1','Los Angeles','guest@example.com','5551234567','US','Jane','shipping');

INSERT INTO `{prefix}sales_order_address` (`entity_id`,`parent_id`,`quote_address_id`,`region_id`,`region`,`postcode`,`lastname`,`street`,`city`,`email`,`telephone`,`country_id`,`firstname`,`address_type`) VALUES
(319,164,780,12,'California','90001','Doe','via di test 1','Los Angeles','guest@example.com','5551234567','US','Jane','billing');

CREATE TABLE `{prefix}sales_order_payment` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `parent_id` int(10) unsigned NOT NULL,
  `base_shipping_captured` decimal(20,4) DEFAULT NULL,
  `shipping_captured` decimal(20,4) DEFAULT NULL,
  `amount_refunded` decimal(20,4) DEFAULT NULL,
  `base_amount_paid` decimal(20,4) DEFAULT NULL,
  `amount_canceled` decimal(20,4) DEFAULT NULL,
  `base_amount_authorized` decimal(20,4) DEFAULT NULL,
  `base_amount_paid_online` decimal(20,4) DEFAULT NULL,
  `base_amount_refunded_online` decimal(20,4) DEFAULT NULL,
  `base_shipping_amount` decimal(20,4) DEFAULT NULL,
  `shipping_amount` decimal(20,4) DEFAULT NULL,
  `amount_paid` decimal(20,4) DEFAULT NULL,
  `amount_authorized` decimal(20,4) DEFAULT NULL,
  `base_amount_ordered` decimal(20,4) DEFAULT NULL,
  `base_shipping_refunded` decimal(20,4) DEFAULT NULL,
  `shipping_refunded` decimal(20,4) DEFAULT NULL,
  `base_amount_refunded` decimal(20,4) DEFAULT NULL,
  `amount_ordered` decimal(20,4) DEFAULT NULL,
  `base_amount_canceled` decimal(20,4) DEFAULT NULL,
  `quote_payment_id` int(11) DEFAULT NULL,
  `additional_data` text DEFAULT NULL,
  `cc_exp_month` varchar(12) DEFAULT NULL,
  `cc_ss_start_year` varchar(12) DEFAULT NULL,
  `echeck_bank_name` varchar(128) DEFAULT NULL,
  `method` varchar(128) DEFAULT NULL,
  `cc_debug_request_body` varchar(32) DEFAULT NULL,
  `cc_secure_verify` varchar(32) DEFAULT NULL,
  `protection_eligibility` varchar(32) DEFAULT NULL,
  `cc_approval` varchar(32) DEFAULT NULL,
  `cc_last_4` varchar(100) DEFAULT NULL,
  `cc_status_description` varchar(32) DEFAULT NULL,
  `echeck_type` varchar(32) DEFAULT NULL,
  `cc_debug_response_serialized` varchar(32) DEFAULT NULL,
  `cc_ss_start_month` varchar(128) DEFAULT NULL,
  `echeck_account_type` varchar(255) DEFAULT NULL,
  `last_trans_id` varchar(255) DEFAULT NULL,
  `cc_cid_status` varchar(32) DEFAULT NULL,
  `cc_owner` varchar(128) DEFAULT NULL,
  `cc_type` varchar(32) DEFAULT NULL,
  `po_number` varchar(32) DEFAULT NULL,
  `cc_exp_year` varchar(4) DEFAULT NULL,
  `cc_status` varchar(4) DEFAULT NULL,
  `echeck_routing_number` varchar(32) DEFAULT NULL,
  `account_status` varchar(32) DEFAULT NULL,
  `anet_trans_method` varchar(32) DEFAULT NULL,
  `cc_debug_response_body` varchar(32) DEFAULT NULL,
  `cc_ss_issue` varchar(32) DEFAULT NULL,
  `echeck_account_name` varchar(32) DEFAULT NULL,
  `cc_avs_status` varchar(32) DEFAULT NULL,
  `cc_number_enc` varchar(128) DEFAULT NULL,
  `cc_trans_id` varchar(32) DEFAULT NULL,
  `address_status` varchar(32) DEFAULT NULL,
  `additional_information` text DEFAULT NULL,
  PRIMARY KEY (`entity_id`),
  KEY `SALES_ORDER_PAYMENT_PARENT_ID` (`parent_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_order_payment` (`entity_id`,`parent_id`,`base_shipping_captured`,`shipping_captured`,`amount_refunded`,`base_amount_paid`,`base_shipping_amount`,`shipping_amount`,`amount_paid`,`base_amount_ordered`,`base_shipping_refunded`,`shipping_refunded`,`base_amount_refunded`,`amount_ordered`,`cc_ss_start_year`,`method`,`cc_ss_start_month`,`cc_exp_year`,`additional_information`) VALUES
(156,159,10.0000,10.0000,78.0000,78.0000,10.0000,10.0000,78.0000,78.0000,10.0000,10.0000,78.0000,78.0000,'0','checkmo','0','0','{\"method_title\":\"Check \\/ Money order\"}');

INSERT INTO `{prefix}sales_order_payment` (`entity_id`,`parent_id`,`base_shipping_amount`,`shipping_amount`,`base_amount_ordered`,`amount_ordered`,`cc_ss_start_year`,`method`,`cc_ss_start_month`,`cc_exp_year`,`additional_information`) VALUES
(157,160,10.0000,10.0000,32.0000,32.0000,'0','checkmo','0','0','{\"method_title\":\"Check \\/ Money order\"}');

INSERT INTO `{prefix}sales_order_payment` (`entity_id`,`parent_id`,`base_shipping_amount`,`shipping_amount`,`base_amount_ordered`,`amount_ordered`,`cc_ss_start_year`,`method`,`cc_ss_start_month`,`cc_exp_year`,`additional_information`) VALUES
(158,161,20.0000,20.0000,86.0000,86.0000,'0','checkmo','0','0','{\"method_title\":\"Check \\/ Money order\"}');

INSERT INTO `{prefix}sales_order_payment` (`entity_id`,`parent_id`,`base_shipping_amount`,`shipping_amount`,`base_amount_ordered`,`amount_ordered`,`cc_ss_start_year`,`method`,`cc_ss_start_month`,`cc_exp_year`,`additional_information`) VALUES
(159,162,0.0000,0.0000,6.0000,6.0000,'0','checkmo','0','0','{\"method_title\":\"Check \\/ Money order\"}');

INSERT INTO `{prefix}sales_order_payment` (`entity_id`,`parent_id`,`base_shipping_amount`,`shipping_amount`,`base_amount_ordered`,`amount_ordered`,`cc_ss_start_year`,`method`,`cc_ss_start_month`,`cc_exp_year`,`additional_information`) VALUES
(160,163,5.0000,5.0000,37.0000,37.0000,'0','checkmo','0','0','{\"method_title\":\"Check \\/ Money order\"}');

INSERT INTO `{prefix}sales_order_payment` (`entity_id`,`parent_id`,`base_shipping_captured`,`shipping_captured`,`base_amount_paid`,`base_shipping_amount`,`shipping_amount`,`amount_paid`,`base_amount_ordered`,`amount_ordered`,`cc_ss_start_year`,`method`,`cc_ss_start_month`,`cc_exp_year`,`additional_information`) VALUES
(161,164,20.0000,20.0000,42.0000,20.0000,20.0000,42.0000,86.0000,86.0000,'0','checkmo','0','0','{\"method_title\":\"Check \\/ Money order\"}');

CREATE TABLE `{prefix}sales_invoice` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `store_id` smallint(5) unsigned DEFAULT NULL,
  `base_grand_total` decimal(20,4) DEFAULT NULL,
  `shipping_tax_amount` decimal(20,4) DEFAULT NULL,
  `tax_amount` decimal(20,4) DEFAULT NULL,
  `base_tax_amount` decimal(20,4) DEFAULT NULL,
  `store_to_order_rate` decimal(20,4) DEFAULT NULL,
  `base_shipping_tax_amount` decimal(20,4) DEFAULT NULL,
  `base_discount_amount` decimal(20,4) DEFAULT NULL,
  `base_to_order_rate` decimal(20,4) DEFAULT NULL,
  `grand_total` decimal(20,4) DEFAULT NULL,
  `shipping_amount` decimal(20,4) DEFAULT NULL,
  `subtotal_incl_tax` decimal(20,4) DEFAULT NULL,
  `base_subtotal_incl_tax` decimal(20,4) DEFAULT NULL,
  `store_to_base_rate` decimal(20,4) DEFAULT NULL,
  `base_shipping_amount` decimal(20,4) DEFAULT NULL,
  `total_qty` decimal(12,4) DEFAULT NULL,
  `base_to_global_rate` decimal(20,4) DEFAULT NULL,
  `subtotal` decimal(20,4) DEFAULT NULL,
  `base_subtotal` decimal(20,4) DEFAULT NULL,
  `discount_amount` decimal(20,4) DEFAULT NULL,
  `billing_address_id` int(11) DEFAULT NULL,
  `is_used_for_refund` smallint(5) unsigned DEFAULT NULL,
  `order_id` int(10) unsigned NOT NULL,
  `email_sent` smallint(5) unsigned DEFAULT NULL,
  `send_email` smallint(5) unsigned DEFAULT NULL,
  `can_void_flag` smallint(5) unsigned DEFAULT NULL,
  `state` int(11) DEFAULT NULL,
  `shipping_address_id` int(11) DEFAULT NULL,
  `store_currency_code` varchar(3) DEFAULT NULL,
  `transaction_id` varchar(255) DEFAULT NULL,
  `order_currency_code` varchar(3) DEFAULT NULL,
  `base_currency_code` varchar(3) DEFAULT NULL,
  `global_currency_code` varchar(3) DEFAULT NULL,
  `increment_id` varchar(50) DEFAULT NULL,
  `created_at` timestamp NOT NULL DEFAULT current_timestamp(),
  `updated_at` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  `discount_tax_compensation_amount` decimal(20,4) DEFAULT NULL,
  `base_discount_tax_compensation_amount` decimal(20,4) DEFAULT NULL,
  `shipping_discount_tax_compensation_amount` decimal(20,4) DEFAULT NULL,
  `base_shipping_discount_tax_compensation_amnt` decimal(20,4) DEFAULT NULL,
  `shipping_incl_tax` decimal(20,4) DEFAULT NULL,
  `base_shipping_incl_tax` decimal(20,4) DEFAULT NULL,
  `base_total_refunded` decimal(20,4) DEFAULT NULL,
  `discount_description` varchar(255) DEFAULT NULL,
  `customer_note` text DEFAULT NULL,
  `customer_note_notify` smallint(5) unsigned DEFAULT NULL,
  PRIMARY KEY (`entity_id`),
  UNIQUE KEY `SALES_INVOICE_INCREMENT_ID_STORE_ID` (`increment_id`,`store_id`),
  KEY `SALES_INVOICE_STORE_ID` (`store_id`),
  KEY `SALES_INVOICE_GRAND_TOTAL` (`grand_total`),
  KEY `SALES_INVOICE_ORDER_ID` (`order_id`),
  KEY `SALES_INVOICE_STATE` (`state`),
  KEY `SALES_INVOICE_CREATED_AT` (`created_at`),
  KEY `SALES_INVOICE_UPDATED_AT` (`updated_at`),
  KEY `SALES_INVOICE_SEND_EMAIL` (`send_email`),
  KEY `SALES_INVOICE_EMAIL_SENT` (`email_sent`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_invoice` (`entity_id`,`store_id`,`base_grand_total`,`shipping_tax_amount`,`tax_amount`,`base_tax_amount`,`store_to_order_rate`,`base_shipping_tax_amount`,`base_discount_amount`,`base_to_order_rate`,`grand_total`,`shipping_amount`,`subtotal_incl_tax`,`base_subtotal_incl_tax`,`store_to_base_rate`,`base_shipping_amount`,`total_qty`,`base_to_global_rate`,`subtotal`,`base_subtotal`,`discount_amount`,`billing_address_id`,`order_id`,`can_void_flag`,`state`,`shipping_address_id`,`store_currency_code`,`order_currency_code`,`base_currency_code`,`global_currency_code`,`increment_id`,`created_at`,`updated_at`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`shipping_discount_tax_compensation_amount`,`base_shipping_discount_tax_compensation_amnt`,`shipping_incl_tax`,`base_shipping_incl_tax`) VALUES
(65,1,78.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,1.0000,78.0000,10.0000,68.0000,68.0000,0.0000,10.0000,2.0000,1.0000,68.0000,68.0000,0.0000,310,159,0,2,309,'USD','USD','USD','USD','000000065','2026-11-27 19:15:37','2026-11-27 19:15:37',0.0000,0.0000,0.0000,0.0000,10.0000,10.0000);

INSERT INTO `{prefix}sales_invoice` (`entity_id`,`store_id`,`base_grand_total`,`shipping_tax_amount`,`tax_amount`,`base_tax_amount`,`store_to_order_rate`,`base_shipping_tax_amount`,`base_discount_amount`,`base_to_order_rate`,`grand_total`,`shipping_amount`,`subtotal_incl_tax`,`base_subtotal_incl_tax`,`store_to_base_rate`,`base_shipping_amount`,`total_qty`,`base_to_global_rate`,`subtotal`,`base_subtotal`,`discount_amount`,`billing_address_id`,`order_id`,`can_void_flag`,`state`,`shipping_address_id`,`store_currency_code`,`order_currency_code`,`base_currency_code`,`global_currency_code`,`increment_id`,`created_at`,`updated_at`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`shipping_discount_tax_compensation_amount`,`base_shipping_discount_tax_compensation_amnt`,`shipping_incl_tax`,`base_shipping_incl_tax`) VALUES
(66,1,42.0000,0.0000,0.0000,0.0000,0.0000,0.0000,0.0000,1.0000,42.0000,20.0000,22.0000,22.0000,0.0000,20.0000,2.0000,1.0000,22.0000,22.0000,0.0000,319,164,0,2,318,'USD','USD','USD','USD','000000066','2026-11-27 19:16:47','2026-11-27 19:16:47',0.0000,0.0000,0.0000,0.0000,20.0000,20.0000);

CREATE TABLE `{prefix}sales_invoice_item` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `parent_id` int(10) unsigned NOT NULL,
  `base_price` decimal(12,4) DEFAULT NULL,
  `tax_amount` decimal(12,4) DEFAULT NULL,
  `base_row_total` decimal(20,4) DEFAULT NULL,
  `discount_amount` decimal(12,4) DEFAULT NULL,
  `row_total` decimal(20,4) DEFAULT NULL,
  `base_discount_amount` decimal(12,4) DEFAULT NULL,
  `price_incl_tax` decimal(12,4) DEFAULT NULL,
  `base_tax_amount` decimal(12,4) DEFAULT NULL,
  `base_price_incl_tax` decimal(12,4) DEFAULT NULL,
  `qty` decimal(12,4) DEFAULT NULL,
  `base_cost` decimal(12,4) DEFAULT NULL,
  `price` decimal(12,4) DEFAULT NULL,
  `base_row_total_incl_tax` decimal(12,4) DEFAULT NULL,
  `row_total_incl_tax` decimal(12,4) DEFAULT NULL,
  `product_id` int(11) DEFAULT NULL,
  `order_item_id` int(11) DEFAULT NULL,
  `additional_data` text DEFAULT NULL,
  `description` text DEFAULT NULL,
  `sku` varchar(255) DEFAULT NULL,
  `name` varchar(255) DEFAULT NULL,
  `discount_tax_compensation_amount` decimal(12,4) DEFAULT NULL,
  `base_discount_tax_compensation_amount` decimal(12,4) DEFAULT NULL,
  `tax_ratio` text DEFAULT NULL,
  `weee_tax_applied` text DEFAULT NULL,
  `weee_tax_applied_amount` decimal(12,4) DEFAULT NULL,
  `weee_tax_applied_row_amount` decimal(12,4) DEFAULT NULL,
  `weee_tax_disposition` decimal(12,4) DEFAULT NULL,
  `weee_tax_row_disposition` decimal(12,4) DEFAULT NULL,
  `base_weee_tax_applied_amount` decimal(12,4) DEFAULT NULL,
  `base_weee_tax_applied_row_amnt` decimal(12,4) DEFAULT NULL,
  `base_weee_tax_disposition` decimal(12,4) DEFAULT NULL,
  `base_weee_tax_row_disposition` decimal(12,4) DEFAULT NULL,
  PRIMARY KEY (`entity_id`),
  KEY `SALES_INVOICE_ITEM_PARENT_ID` (`parent_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_invoice_item` (`entity_id`,`parent_id`,`base_price`,`base_row_total`,`row_total`,`price_incl_tax`,`base_price_incl_tax`,`qty`,`price`,`base_row_total_incl_tax`,`row_total_incl_tax`,`product_id`,`order_item_id`,`sku`,`name`,`weee_tax_applied`,`weee_tax_applied_row_amount`,`weee_tax_row_disposition`,`base_weee_tax_row_disposition`) VALUES
(65,65,34.0000,68.0000,68.0000,34.0000,34.0000,2.0000,34.0000,68.0000,68.0000,1,186,'24-MB01','Joust Duffle Bag','[]',0.0000,0.0000,0.0000);

INSERT INTO `{prefix}sales_invoice_item` (`entity_id`,`parent_id`,`base_price`,`base_row_total`,`row_total`,`price_incl_tax`,`base_price_incl_tax`,`qty`,`price`,`base_row_total_incl_tax`,`row_total_incl_tax`,`product_id`,`order_item_id`,`sku`,`name`,`weee_tax_applied`,`weee_tax_applied_row_amount`,`weee_tax_row_disposition`,`base_weee_tax_row_disposition`) VALUES
(66,66,22.0000,22.0000,22.0000,22.0000,22.0000,1.0000,22.0000,22.0000,22.0000,1562,193,'WS12-XS-Blue','Radiant Tee','[]',0.0000,0.0000,0.0000);

INSERT INTO `{prefix}sales_invoice_item` (`entity_id`,`parent_id`,`base_price`,`qty`,`price`,`product_id`,`order_item_id`,`sku`,`name`) VALUES
(67,66,0.0000,1.0000,0.0000,1547,194,'WS12-XS-Blue','Radiant Tee-XS-Blue');

CREATE TABLE `{prefix}sales_creditmemo` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `store_id` smallint(5) unsigned DEFAULT NULL,
  `adjustment_positive` decimal(20,4) DEFAULT NULL,
  `base_shipping_tax_amount` decimal(20,4) DEFAULT NULL,
  `store_to_order_rate` decimal(20,4) DEFAULT NULL,
  `base_discount_amount` decimal(20,4) DEFAULT NULL,
  `base_to_order_rate` decimal(20,4) DEFAULT NULL,
  `grand_total` decimal(20,4) DEFAULT NULL,
  `base_adjustment_negative` decimal(20,4) DEFAULT NULL,
  `base_subtotal_incl_tax` decimal(20,4) DEFAULT NULL,
  `shipping_amount` decimal(20,4) DEFAULT NULL,
  `subtotal_incl_tax` decimal(20,4) DEFAULT NULL,
  `adjustment_negative` decimal(20,4) DEFAULT NULL,
  `base_shipping_amount` decimal(20,4) DEFAULT NULL,
  `store_to_base_rate` decimal(20,4) DEFAULT NULL,
  `base_to_global_rate` decimal(20,4) DEFAULT NULL,
  `base_adjustment` decimal(20,4) DEFAULT NULL,
  `base_subtotal` decimal(20,4) DEFAULT NULL,
  `discount_amount` decimal(20,4) DEFAULT NULL,
  `subtotal` decimal(20,4) DEFAULT NULL,
  `adjustment` decimal(20,4) DEFAULT NULL,
  `base_grand_total` decimal(20,4) DEFAULT NULL,
  `base_adjustment_positive` decimal(20,4) DEFAULT NULL,
  `base_tax_amount` decimal(20,4) DEFAULT NULL,
  `shipping_tax_amount` decimal(20,4) DEFAULT NULL,
  `tax_amount` decimal(20,4) DEFAULT NULL,
  `order_id` int(10) unsigned NOT NULL,
  `email_sent` smallint(5) unsigned DEFAULT NULL,
  `send_email` smallint(5) unsigned DEFAULT NULL,
  `creditmemo_status` int(11) DEFAULT NULL,
  `state` int(11) DEFAULT NULL,
  `shipping_address_id` int(11) DEFAULT NULL,
  `billing_address_id` int(11) DEFAULT NULL,
  `invoice_id` int(11) DEFAULT NULL,
  `store_currency_code` varchar(3) DEFAULT NULL,
  `order_currency_code` varchar(3) DEFAULT NULL,
  `base_currency_code` varchar(3) DEFAULT NULL,
  `global_currency_code` varchar(3) DEFAULT NULL,
  `transaction_id` varchar(255) DEFAULT NULL,
  `increment_id` varchar(50) DEFAULT NULL,
  `created_at` timestamp NOT NULL DEFAULT current_timestamp(),
  `updated_at` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  `discount_tax_compensation_amount` decimal(20,4) DEFAULT NULL,
  `base_discount_tax_compensation_amount` decimal(20,4) DEFAULT NULL,
  `shipping_discount_tax_compensation_amount` decimal(20,4) DEFAULT NULL,
  `base_shipping_discount_tax_compensation_amnt` decimal(20,4) DEFAULT NULL,
  `shipping_incl_tax` decimal(20,4) DEFAULT NULL,
  `base_shipping_incl_tax` decimal(20,4) DEFAULT NULL,
  `discount_description` varchar(255) DEFAULT NULL,
  `customer_note` text DEFAULT NULL,
  `customer_note_notify` smallint(5) unsigned DEFAULT NULL,
  PRIMARY KEY (`entity_id`),
  UNIQUE KEY `SALES_CREDITMEMO_INCREMENT_ID_STORE_ID` (`increment_id`,`store_id`),
  KEY `SALES_CREDITMEMO_STORE_ID` (`store_id`),
  KEY `SALES_CREDITMEMO_ORDER_ID` (`order_id`),
  KEY `SALES_CREDITMEMO_CREDITMEMO_STATUS` (`creditmemo_status`),
  KEY `SALES_CREDITMEMO_STATE` (`state`),
  KEY `SALES_CREDITMEMO_CREATED_AT` (`created_at`),
  KEY `SALES_CREDITMEMO_UPDATED_AT` (`updated_at`),
  KEY `SALES_CREDITMEMO_SEND_EMAIL` (`send_email`),
  KEY `SALES_CREDITMEMO_EMAIL_SENT` (`email_sent`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_creditmemo` (`entity_id`,`store_id`,`base_shipping_tax_amount`,`store_to_order_rate`,`base_discount_amount`,`base_to_order_rate`,`grand_total`,`base_subtotal_incl_tax`,`shipping_amount`,`subtotal_incl_tax`,`base_shipping_amount`,`store_to_base_rate`,`base_to_global_rate`,`base_adjustment`,`base_subtotal`,`discount_amount`,`subtotal`,`adjustment`,`base_grand_total`,`base_tax_amount`,`shipping_tax_amount`,`tax_amount`,`order_id`,`state`,`shipping_address_id`,`billing_address_id`,`store_currency_code`,`order_currency_code`,`base_currency_code`,`global_currency_code`,`increment_id`,`created_at`,`updated_at`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`shipping_incl_tax`,`base_shipping_incl_tax`) VALUES
(23,1,0.0000,0.0000,0.0000,1.0000,78.0000,68.0000,10.0000,68.0000,10.0000,0.0000,1.0000,0.0000,68.0000,0.0000,68.0000,0.0000,78.0000,0.0000,0.0000,0.0000,159,2,309,310,'USD','USD','USD','USD','000000023','2026-11-27 19:15:38','2026-11-27 19:15:38',0.0000,0.0000,10.0000,10.0000);

CREATE TABLE `{prefix}sales_creditmemo_item` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `parent_id` int(10) unsigned NOT NULL,
  `base_price` decimal(12,4) DEFAULT NULL,
  `tax_amount` decimal(12,4) DEFAULT NULL,
  `base_row_total` decimal(12,4) DEFAULT NULL,
  `discount_amount` decimal(12,4) DEFAULT NULL,
  `row_total` decimal(12,4) DEFAULT NULL,
  `base_discount_amount` decimal(12,4) DEFAULT NULL,
  `price_incl_tax` decimal(12,4) DEFAULT NULL,
  `base_tax_amount` decimal(12,4) DEFAULT NULL,
  `base_price_incl_tax` decimal(12,4) DEFAULT NULL,
  `qty` decimal(12,4) DEFAULT NULL,
  `base_cost` decimal(12,4) DEFAULT NULL,
  `price` decimal(12,4) DEFAULT NULL,
  `base_row_total_incl_tax` decimal(12,4) DEFAULT NULL,
  `row_total_incl_tax` decimal(12,4) DEFAULT NULL,
  `product_id` int(11) DEFAULT NULL,
  `order_item_id` int(11) DEFAULT NULL,
  `additional_data` text DEFAULT NULL,
  `description` text DEFAULT NULL,
  `sku` varchar(255) DEFAULT NULL,
  `name` varchar(255) DEFAULT NULL,
  `discount_tax_compensation_amount` decimal(12,4) DEFAULT NULL,
  `base_discount_tax_compensation_amount` decimal(12,4) DEFAULT NULL,
  `tax_ratio` text DEFAULT NULL,
  `weee_tax_applied` text DEFAULT NULL,
  `weee_tax_applied_amount` decimal(12,4) DEFAULT NULL,
  `weee_tax_applied_row_amount` decimal(12,4) DEFAULT NULL,
  `weee_tax_disposition` decimal(12,4) DEFAULT NULL,
  `weee_tax_row_disposition` decimal(12,4) DEFAULT NULL,
  `base_weee_tax_applied_amount` decimal(12,4) DEFAULT NULL,
  `base_weee_tax_applied_row_amnt` decimal(12,4) DEFAULT NULL,
  `base_weee_tax_disposition` decimal(12,4) DEFAULT NULL,
  `base_weee_tax_row_disposition` decimal(12,4) DEFAULT NULL,
  PRIMARY KEY (`entity_id`),
  KEY `SALES_CREDITMEMO_ITEM_PARENT_ID` (`parent_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_creditmemo_item` (`entity_id`,`parent_id`,`base_price`,`tax_amount`,`base_row_total`,`row_total`,`price_incl_tax`,`base_tax_amount`,`base_price_incl_tax`,`qty`,`price`,`base_row_total_incl_tax`,`row_total_incl_tax`,`product_id`,`order_item_id`,`sku`,`name`,`discount_tax_compensation_amount`,`base_discount_tax_compensation_amount`,`weee_tax_applied`,`weee_tax_applied_row_amount`,`weee_tax_row_disposition`,`base_weee_tax_row_disposition`) VALUES
(23,23,34.0000,0.0000,68.0000,68.0000,34.0000,0.0000,34.0000,2.0000,34.0000,68.0000,68.0000,1,186,'24-MB01','Joust Duffle Bag',0.0000,0.0000,'[]',0.0000,0.0000,0.0000);

CREATE TABLE `{prefix}sales_shipment` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `store_id` smallint(5) unsigned DEFAULT NULL,
  `total_weight` decimal(12,4) DEFAULT NULL,
  `total_qty` decimal(12,4) DEFAULT NULL,
  `email_sent` smallint(5) unsigned DEFAULT NULL,
  `send_email` smallint(5) unsigned DEFAULT NULL,
  `order_id` int(10) unsigned NOT NULL,
  `customer_id` int(11) DEFAULT NULL,
  `shipping_address_id` int(11) DEFAULT NULL,
  `billing_address_id` int(11) DEFAULT NULL,
  `shipment_status` int(11) DEFAULT NULL,
  `increment_id` varchar(50) DEFAULT NULL,
  `created_at` timestamp NOT NULL DEFAULT current_timestamp(),
  `updated_at` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  `packages` text DEFAULT NULL,
  `shipping_label` mediumblob DEFAULT NULL,
  `customer_note` text DEFAULT NULL,
  `customer_note_notify` smallint(5) unsigned DEFAULT NULL,
  PRIMARY KEY (`entity_id`),
  UNIQUE KEY `SALES_SHIPMENT_INCREMENT_ID_STORE_ID` (`increment_id`,`store_id`),
  KEY `SALES_SHIPMENT_STORE_ID` (`store_id`),
  KEY `SALES_SHIPMENT_TOTAL_QTY` (`total_qty`),
  KEY `SALES_SHIPMENT_ORDER_ID` (`order_id`),
  KEY `SALES_SHIPMENT_CREATED_AT` (`created_at`),
  KEY `SALES_SHIPMENT_UPDATED_AT` (`updated_at`),
  KEY `SALES_SHIPMENT_SEND_EMAIL` (`send_email`),
  KEY `SALES_SHIPMENT_EMAIL_SENT` (`email_sent`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_shipment` (`entity_id`,`store_id`,`total_qty`,`order_id`,`shipping_address_id`,`billing_address_id`,`increment_id`,`created_at`,`updated_at`) VALUES
(38,1,2.0000,159,309,310,'000000038','2026-11-27 19:15:37','2026-11-27 19:15:37');

CREATE TABLE `{prefix}sales_shipment_item` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `parent_id` int(10) unsigned NOT NULL,
  `row_total` decimal(20,4) DEFAULT NULL,
  `price` decimal(20,4) DEFAULT NULL,
  `weight` decimal(12,4) DEFAULT NULL,
  `qty` decimal(12,4) DEFAULT NULL,
  `product_id` int(11) DEFAULT NULL,
  `order_item_id` int(11) DEFAULT NULL,
  `additional_data` text DEFAULT NULL,
  `description` text DEFAULT NULL,
  `name` varchar(255) DEFAULT NULL,
  `sku` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`entity_id`),
  KEY `SALES_SHIPMENT_ITEM_PARENT_ID` (`parent_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_shipment_item` (`entity_id`,`parent_id`,`price`,`qty`,`product_id`,`order_item_id`,`name`,`sku`) VALUES
(38,38,34.0000,2.0000,1,186,'Joust Duffle Bag','24-MB01');

CREATE TABLE `{prefix}sales_shipment_track` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `parent_id` int(10) unsigned NOT NULL,
  `weight` decimal(12,4) DEFAULT NULL,
  `qty` decimal(12,4) DEFAULT NULL,
  `order_id` int(10) unsigned NOT NULL,
  `track_number` text DEFAULT NULL,
  `description` text DEFAULT NULL,
  `title` varchar(255) DEFAULT NULL,
  `carrier_code` varchar(32) DEFAULT NULL,
  `created_at` timestamp NOT NULL DEFAULT current_timestamp(),
  `updated_at` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  PRIMARY KEY (`entity_id`),
  KEY `SALES_SHIPMENT_TRACK_PARENT_ID` (`parent_id`),
  KEY `SALES_SHIPMENT_TRACK_ORDER_ID` (`order_id`),
  KEY `SALES_SHIPMENT_TRACK_CREATED_AT` (`created_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_shipment_track` (`entity_id`,`parent_id`,`order_id`,`track_number`,`title`,`carrier_code`,`created_at`,`updated_at`) VALUES
(36,38,159,'123','DHL','dhl','2026-11-27 19:15:37','2026-11-27 19:15:37');

CREATE TABLE `{prefix}sales_shipment_comment` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `parent_id` int(10) unsigned NOT NULL,
  `is_customer_notified` int(11) DEFAULT NULL,
  `is_visible_on_front` smallint(5) unsigned NOT NULL DEFAULT 0,
  `comment` text DEFAULT NULL,
  `created_at` timestamp NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (`entity_id`),
  KEY `SALES_SHIPMENT_COMMENT_CREATED_AT` (`created_at`),
  KEY `SALES_SHIPMENT_COMMENT_PARENT_ID` (`parent_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_shipment_comment` (`entity_id`,`parent_id`,`is_customer_notified`,`is_visible_on_front`,`comment`,`created_at`) VALUES
(34,38,0,0,'handle with care','2026-11-27 19:15:37');

CREATE TABLE `{prefix}customer_entity` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `website_id` smallint(5) unsigned DEFAULT NULL,
  `email` varchar(255) DEFAULT NULL,
  `group_id` smallint(5) unsigned NOT NULL DEFAULT 0,
  `increment_id` varchar(50) DEFAULT NULL,
  `store_id` smallint(5) unsigned DEFAULT 0,
  `created_at` timestamp NOT NULL DEFAULT current_timestamp(),
  `updated_at` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  `is_active` smallint(5) unsigned NOT NULL DEFAULT 1,
  `disable_auto_group_change` smallint(5) unsigned NOT NULL DEFAULT 0,
  `created_in` varchar(255) DEFAULT NULL,
  `prefix` varchar(40) DEFAULT NULL,
  `firstname` varchar(255) DEFAULT NULL,
  `middlename` varchar(255) DEFAULT NULL,
  `lastname` varchar(255) DEFAULT NULL,
  `suffix` varchar(40) DEFAULT NULL,
  `dob` date DEFAULT NULL,
  `password_hash` varchar(128) DEFAULT NULL,
  `rp_token` varchar(128) DEFAULT NULL,
  `rp_token_created_at` datetime DEFAULT NULL,
  `default_billing` int(10) unsigned DEFAULT NULL,
  `default_shipping` int(10) unsigned DEFAULT NULL,
  `taxvat` varchar(50) DEFAULT NULL,
  `confirmation` varchar(64) DEFAULT NULL,
  `gender` smallint(5) unsigned DEFAULT NULL,
  `failures_num` smallint(6) DEFAULT 0,
  `first_failure` timestamp NULL DEFAULT NULL,
  `lock_expires` timestamp NULL DEFAULT NULL,
  `session_cutoff` timestamp NULL DEFAULT NULL,
  PRIMARY KEY (`entity_id`),
  UNIQUE KEY `CUSTOMER_ENTITY_EMAIL_WEBSITE_ID` (`email`,`website_id`),
  KEY `CUSTOMER_ENTITY_STORE_ID` (`store_id`),
  KEY `CUSTOMER_ENTITY_WEBSITE_ID` (`website_id`),
  KEY `CUSTOMER_ENTITY_FIRSTNAME` (`firstname`),
  KEY `CUSTOMER_ENTITY_LASTNAME` (`lastname`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}customer_entity` (`entity_id`,`website_id`,`email`,`group_id`,`store_id`,`created_at`,`updated_at`,`is_active`,`disable_auto_group_change`,`created_in`,`prefix`,`firstname`,`lastname`,`gender`,`failures_num`) VALUES
(65,1,'ada06919@example.com',1,1,'2026-11-27 19:15:39','2026-11-27 19:15:40',1,0,'Default Store View','Dr.','Ada','Test',2,0);

CREATE TABLE `{prefix}newsletter_subscriber` (
  `subscriber_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `store_id` smallint(5) unsigned DEFAULT 0,
  `change_status_at` timestamp NULL DEFAULT NULL,
  `customer_id` int(10) unsigned NOT NULL DEFAULT 0,
  `subscriber_email` varchar(150) DEFAULT NULL,
  `subscriber_status` int(11) NOT NULL DEFAULT 0,
  `subscriber_confirm_code` varchar(32) DEFAULT 'NULL',
  PRIMARY KEY (`subscriber_id`),
  KEY `NEWSLETTER_SUBSCRIBER_CUSTOMER_ID` (`customer_id`),
  KEY `NEWSLETTER_SUBSCRIBER_STORE_ID` (`store_id`),
  KEY `NEWSLETTER_SUBSCRIBER_SUBSCRIBER_EMAIL` (`subscriber_email`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}newsletter_subscriber` (`subscriber_id`,`store_id`,`change_status_at`,`customer_id`,`subscriber_email`,`subscriber_status`,`subscriber_confirm_code`) VALUES
(31,1,'2026-11-27 19:16:07',0,'guest06919@example.com',1,'rifci4rvg51tk4jyxp0us9tgni0bb9vs');

INSERT INTO `{prefix}newsletter_subscriber` (`subscriber_id`,`store_id`,`change_status_at`,`customer_id`,`subscriber_email`,`subscriber_status`,`subscriber_confirm_code`) VALUES
(32,1,'2026-11-27 19:16:18',65,'ada06919@example.com',3,'uwno1dqfugf3uur0t7ghemgqj8yw913t');

CREATE TABLE `{prefix}sales_order_status` (
  `status` varchar(32) NOT NULL,
  `label` varchar(128) NOT NULL,
  PRIMARY KEY (`status`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}sales_order_status` (`status`,`label`) VALUES
('canceled','Canceled');

INSERT INTO `{prefix}sales_order_status` (`status`,`label`) VALUES
('closed','Closed');

INSERT INTO `{prefix}sales_order_status` (`status`,`label`) VALUES
('complete','Complete');

INSERT INTO `{prefix}sales_order_status` (`status`,`label`) VALUES
('fraud','Suspected Fraud');

INSERT INTO `{prefix}sales_order_status` (`status`,`label`) VALUES
('holded','On Hold');

INSERT INTO `{prefix}sales_order_status` (`status`,`label`) VALUES
('payment_review','Payment Review');

INSERT INTO `{prefix}sales_order_status` (`status`,`label`) VALUES
('paypal_canceled_reversal','PayPal Canceled Reversal');

INSERT INTO `{prefix}sales_order_status` (`status`,`label`) VALUES
('paypal_reversed','PayPal Reversed');

INSERT INTO `{prefix}sales_order_status` (`status`,`label`) VALUES
('pending','Pending');

INSERT INTO `{prefix}sales_order_status` (`status`,`label`) VALUES
('pending_payment','Pending Payment');

INSERT INTO `{prefix}sales_order_status` (`status`,`label`) VALUES
('pending_paypal','Pending PayPal');

INSERT INTO `{prefix}sales_order_status` (`status`,`label`) VALUES
('processing','Processing');
