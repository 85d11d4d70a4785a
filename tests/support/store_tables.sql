-- Tables of a real Magento 2.4.6 store that the bridge reads, with some of their rows.

CREATE TABLE `{prefix}core_config_data` (
  `config_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `scope` varchar(8) NOT NULL DEFAULT 'default',
  `scope_id` int(11) NOT NULL DEFAULT 0,
  `path` varchar(255) NOT NULL DEFAULT 'general',
  `value` text DEFAULT NULL,
  `updated_at` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  PRIMARY KEY (`config_id`),
  UNIQUE KEY `CORE_CONFIG_DATA_SCOPE_SCOPE_ID_PATH` (`scope`,`scope_id`,`path`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}core_config_data` VALUES
(4,'default',0,'web/seo/use_rewrites','1','2026-11-23 16:21:57'),
(5,'default',0,'web/unsecure/base_url','http://shop.example.com/','2026-11-23 16:21:57'),
(6,'default',0,'general/locale/code','en_US','2026-11-23 16:21:57'),
(7,'default',0,'general/locale/timezone','UTC','2026-11-23 16:21:57'),
(17,'default',0,'design/theme/theme_id','3','2026-11-23 16:22:51'),
(83,'default',0,'aws_eventbridge/credentials/type','keys','2026-11-23 16:34:02'),
(84,'default',0,'aws_eventbridge/credentials/access_key','AKIAEXAMPLE','2026-11-23 16:34:03'),
(85,'default',0,'aws_eventbridge/credentials/secret_access_key','example-not-a-secret','2026-11-23 16:34:04'),
(86,'default',0,'aws_eventbridge/options/region','eu-west-1','2026-11-23 16:34:04'),
(87,'default',0,'aws_eventbridge/options/source','store.example.com','2026-11-23 16:34:05'),
(88,'default',0,'aws_eventbridge/options/tracking','1','2026-11-23 16:34:06'),
(89,'default',0,'aws_eventbridge/options/queue_mode','0','2026-11-23 16:51:12'),
(90,'default',0,'aws_eventbridge/options/cloudwatch_event_fallback','0','2026-11-23 16:51:39'),
(91,'default',0,'aws_eventbridge/options/debug_mode','1','2026-11-23 16:34:08'),
(92,'default',0,'aws_eventbridge/options/dry_run_mode','1','2026-11-23 16:51:40'),
(93,'default',0,'aws_eventbridge/events_cart/product_added','1','2026-11-23 16:34:10'),
(94,'default',0,'aws_eventbridge/events_cart/product_updated','1','2026-11-23 16:34:11'),
(95,'default',0,'aws_eventbridge/events_cart/product_removed','1','2026-11-23 16:34:12'),
(96,'default',0,'aws_eventbridge/events_user/logged_in','1','2026-11-23 16:34:12'),
(97,'default',0,'aws_eventbridge/events_user/logged_out','1','2026-11-23 16:34:13'),
(98,'default',0,'aws_eventbridge/events_user/login_failed','1','2026-11-23 16:34:14'),
(99,'default',0,'aws_eventbridge/events_customer/logged_in','1','2026-11-23 16:34:15'),
(100,'default',0,'aws_eventbridge/events_customer/logged_out','1','2026-11-23 16:34:15'),
(101,'default',0,'aws_eventbridge/events_customer/login_failed','1','2026-11-23 16:34:16'),
(102,'default',0,'aws_eventbridge/events_customer/signed_up','1','2026-11-23 16:34:17'),
(103,'default',0,'aws_eventbridge/events_customer/signed_up_failed','1','2026-11-23 16:34:18'),
(104,'default',0,'aws_eventbridge/events_newsletter/subscription_changed','1','2026-11-23 16:34:19'),
(105,'default',0,'aws_eventbridge/events_order/placed','1','2026-11-23 16:34:19'),
(106,'default',0,'aws_eventbridge/events_order/saved','1','2026-11-23 16:34:20'),
(107,'default',0,'aws_eventbridge/events_order/canceled','1','2026-11-23 16:34:21'),
(108,'default',0,'aws_eventbridge/events_order/deleted','1','2026-11-23 16:34:22'),
(109,'default',0,'aws_eventbridge/events_invoice/saved','1','2026-11-23 16:34:23'),
(110,'default',0,'aws_eventbridge/events_invoice/payed','1','2026-11-23 16:34:23'),
(111,'default',0,'aws_eventbridge/events_invoice/registered','1','2026-11-23 16:34:24'),
(112,'default',0,'aws_eventbridge/events_invoice/deleted','1','2026-11-23 16:34:25'),
(113,'default',0,'aws_eventbridge/events_creditmemo/saved','1','2026-11-23 16:34:26'),
(114,'default',0,'aws_eventbridge/events_creditmemo/refunded','1','2026-11-23 16:34:26'),
(115,'default',0,'aws_eventbridge/events_creditmemo/deleted','1','2026-11-23 16:34:27'),
(116,'default',0,'aws_eventbridge/events_shipment/saved','1','2026-11-23 16:34:28'),
(117,'default',0,'aws_eventbridge/events_shipment/deleted','1','2026-11-23 16:34:29'),
(118,'default',0,'aws_eventbridge/events_cache/flush_all','1','2026-11-23 16:34:30'),
(119,'default',0,'aws_eventbridge/events_cache/flush_system','1','2026-11-23 16:34:30'),
(120,'default',0,'aws_eventbridge/events_cache/flush_catalog_images','1','2026-11-23 16:34:31'),
(121,'default',0,'aws_eventbridge/events_cache/flush_media','1','2026-11-23 16:34:32'),
(122,'default',0,'aws_eventbridge/events_cache/flush_static_files','1','2026-11-23 16:34:33'),
(123,'default',0,'aws_eventbridge/events_cron/started','1','2026-11-23 16:34:34'),
(124,'default',0,'aws_eventbridge/events_cron/finished_error','1','2026-11-23 16:34:34'),
(125,'default',0,'aws_eventbridge/events_cron/finished_success','1','2026-11-23 16:34:35'),
(126,'default',0,'aws_eventbridge/events_indexer/state_saved','1','2026-11-23 16:34:36');

CREATE TABLE `{prefix}store_website` (
  `website_id` smallint(5) unsigned NOT NULL AUTO_INCREMENT,
  `code` varchar(32) DEFAULT NULL,
  `name` varchar(64) DEFAULT NULL,
  `sort_order` smallint(5) unsigned NOT NULL DEFAULT 0,
  `default_group_id` smallint(5) unsigned NOT NULL DEFAULT 0,
  `is_default` smallint(5) unsigned DEFAULT 0,
  PRIMARY KEY (`website_id`),
  UNIQUE KEY `STORE_WEBSITE_CODE` (`code`),
  KEY `STORE_WEBSITE_SORT_ORDER` (`sort_order`),
  KEY `STORE_WEBSITE_DEFAULT_GROUP_ID` (`default_group_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}store_website` VALUES
(0,'admin','Admin',0,0,0),
(1,'base','Main Website',0,1,1);

CREATE TABLE `{prefix}store` (
  `store_id` smallint(5) unsigned NOT NULL AUTO_INCREMENT,
  `code` varchar(32) DEFAULT NULL,
  `website_id` smallint(5) unsigned NOT NULL DEFAULT 0,
  `group_id` smallint(5) unsigned NOT NULL DEFAULT 0,
  `name` varchar(255) NOT NULL,
  `sort_order` smallint(5) unsigned NOT NULL DEFAULT 0,
  `is_active` smallint(5) unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY (`store_id`),
  UNIQUE KEY `STORE_CODE` (`code`),
  KEY `STORE_WEBSITE_ID` (`website_id`),
  KEY `STORE_IS_ACTIVE_SORT_ORDER` (`is_active`,`sort_order`),
  KEY `STORE_GROUP_ID` (`group_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}store` VALUES
(0,'admin',0,0,'Admin',0,1),
(1,'default',1,1,'Default Store View',0,1);

CREATE TABLE `{prefix}setup_module` (
  `module` varchar(50) NOT NULL,
  `schema_version` varchar(50) DEFAULT NULL,
  `data_version` varchar(50) DEFAULT NULL,
  PRIMARY KEY (`module`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}setup_module` VALUES
('Bitbull_AWSEventBridge','1.0.0','1.0.0'),
('Magento_GoogleShoppingAds','4.0.1','4.0.1'),
('Magento_Securitytxt','1.0.0','1.0.0'),
('PayPal_Braintree','4.4.0','4.4.0');

CREATE TABLE `{prefix}cron_schedule` (
  `schedule_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `job_code` varchar(255) NOT NULL DEFAULT '0',
  `status` varchar(7) NOT NULL DEFAULT 'pending',
  `messages` text DEFAULT NULL,
  `created_at` timestamp NOT NULL DEFAULT current_timestamp(),
  `scheduled_at` timestamp NULL DEFAULT NULL,
  `executed_at` timestamp NULL DEFAULT NULL,
  `finished_at` timestamp NULL DEFAULT NULL,
  PRIMARY KEY (`schedule_id`),
  KEY `CRON_SCHEDULE_JOB_CODE_STATUS_SCHEDULED_AT` (`job_code`,`status`,`scheduled_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

INSERT INTO `{prefix}cron_schedule` VALUES
(1,'catalog_product_outdated_price_values_cleanup','success',NULL,'2026-11-23 16:31:13','2026-11-23 16:31:00','2026-11-23 16:31:13','2026-11-23 16:31:13'),
(2,'catalog_product_outdated_price_values_cleanup','success',NULL,'2026-11-23 16:31:13','2026-11-23 16:32:00','2026-11-23 16:35:35','2026-11-23 16:35:35'),
(3,'catalog_product_outdated_price_values_cleanup','success',NULL,'2026-11-23 16:31:13','2026-11-23 16:33:00','2026-11-23 16:35:38','2026-11-23 16:35:38'),
(306,'consumers_runner','pending',NULL,'2026-11-23 16:31:14','2026-11-23 16:46:00',NULL,NULL),
(307,'consumers_runner','pending',NULL,'2026-11-23 16:31:14','2026-11-23 16:47:00',NULL,NULL);
