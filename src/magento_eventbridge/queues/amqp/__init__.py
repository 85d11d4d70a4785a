"""Magento's message queue in RabbitMQ."""
