"""A Magento 2 shop's events, delivered to Amazon EventBridge."""

__version__ = "1.0.0"
