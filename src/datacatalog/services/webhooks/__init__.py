"""Webhooks out: who subscribed is told what happens to a job, by signed requests."""

from datacatalog.services.webhooks.announcing import WEBHOOK_QUEUE, announce

__all__ = ["WEBHOOK_QUEUE", "announce"]
