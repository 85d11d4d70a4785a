-- The tables of the outbox, as Magento makes them of the agent's db_schema.xml.
CREATE TABLE `{prefix}eventbridge_outbox` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `store_id` int(10) unsigned NOT NULL DEFAULT 0 COMMENT 'Store view whose settings count',
  `subject` varchar(255) DEFAULT NULL COMMENT 'What the capture is about',
  `body` mediumblob NOT NULL COMMENT 'The capture, in JSON',
  `created_at` timestamp NOT NULL DEFAULT current_timestamp(),
  `available_at` double NOT NULL DEFAULT 0 COMMENT 'Not before these seconds since the epoch',
  `attempts` int(10) unsigned NOT NULL DEFAULT 0 COMMENT 'How often the bridge tried',
  `claimed_by` varchar(64) DEFAULT NULL COMMENT 'The bridge that has it in hand',
  PRIMARY KEY (`id`),
  KEY `EVENTBRIDGE_OUTBOX_CLAIMED_BY_ID` (`claimed_by`,`id`),
  KEY `EVENTBRIDGE_OUTBOX_STORE_ID_SUBJECT_ID` (`store_id`,`subject`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE `{prefix}eventbridge_dead_letter` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `store_id` int(10) unsigned NOT NULL DEFAULT 0,
  `subject` varchar(255) DEFAULT NULL,
  `body` mediumblob NOT NULL,
  `reason` text NOT NULL,
  `attempts` int(10) unsigned NOT NULL DEFAULT 0,
  `buried_at` timestamp NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE `{prefix}eventbridge_bridge` (
  `id` varchar(64) NOT NULL,
  `heartbeat_at` double NOT NULL,
  `status` text DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
