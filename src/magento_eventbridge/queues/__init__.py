"""Queues: durable places that hand out captures. Each has a folder and keeps the same promises."""
