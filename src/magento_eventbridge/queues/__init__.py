"""Queues: durable places that hand out captures. Each is one module and keeps the same promises."""
