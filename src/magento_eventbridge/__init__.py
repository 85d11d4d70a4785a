"""A Magento 2 shop's events, delivered to Amazon EventBridge."""

__version__ = "0.1.0"
