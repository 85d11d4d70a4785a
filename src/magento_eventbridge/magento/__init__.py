"""What a Magento store says of itself: its files, its configuration, its keys; only read."""
