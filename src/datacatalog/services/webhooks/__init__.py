"""Webhooks out: who subscribed to a pipeline or a job is told what happens, by signed CloudEvents.

`announce` writes one message for each subscriber into the commit of what happened; `Deliverer` is what workers do with them.
Subscribing itself is `services.subscriptions`.
"""

from datacatalog.services.webhooks.announcing import announce
from datacatalog.services.webhooks.delivering import Deliverer, post
from datacatalog.services.webhooks.patience import Patience, Trouble, forget_trouble, trouble_with
from datacatalog.services.webhooks.waiting import WEBHOOK_QUEUE, hasten

__all__ = [
    "WEBHOOK_QUEUE",
    "Deliverer",
    "Patience",
    "Trouble",
    "announce",
    "forget_trouble",
    "hasten",
    "post",
    "trouble_with",
]
