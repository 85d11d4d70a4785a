"""The queues in the store's own database: the agent's outbox and Magento's message queue."""
