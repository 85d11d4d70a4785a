"""Read a Magento store: its files, configuration, keys and database."""
