"""What `doctor` is told of the broker: whether it is reached, what it is, how its queues stand beside the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datacatalog.adapters.transport.amqp_link import Away, Link, Missing, Reach
from datacatalog.adapters.transport.amqp_words import Names
from datacatalog.ports.examining import Remark

ABSENT = (
    "see whether RabbitMQ runs and transport.url is right; nothing is lost meanwhile, workers ask the ledger"
)
NEEDED = ("publisher_confirms", "basic.nack", "consumer_cancel_notify")
TOO_MANY = 1000
"""Words in the broker beyond what waits in the ledger: some come twice, but not so many."""


def examine(reach: Reach, names: Names, waiting: Mapping[str, int]) -> Sequence[Remark]:
    """Args: waiting: queue -> how many messages wait in the ledger."""
    link = Link(reach)
    try:
        properties = link.run(lambda channel: dict(channel.connection.server_properties))
        remarks = [_broker(reach, properties)]
        for queue, count in sorted(waiting.items()):
            remarks.append(_queue(link, names, queue, count))
        return remarks
    except Away as e:
        why = f": {e.__cause__}" if e.__cause__ else ""
        text = f"{reach.address} cannot be reached{why}".replace(reach.address.password, "***")
        return [Remark("broker", text, well=False, do=ABSENT)]
    finally:
        link.close()


def _broker(reach: Reach, properties: Mapping[str, Any]) -> Remark:
    capabilities = properties.get("capabilities", {})
    found = f"{properties.get('product', 'a broker')} {properties.get('version', '')} at {reach.address}"
    lacking = [name for name in NEEDED if not capabilities.get(name)]
    if lacking:
        do = "use RabbitMQ"
        return Remark("broker", f"{found}, without {', '.join(lacking)}", well=False, do=do)
    return Remark("broker", f"{found}, which confirms what it takes")


def _queue(link: Link, names: Names, queue: str, waiting: int) -> Remark:
    about = f"broker queue {queue}"
    try:
        told = link.run(lambda channel: channel.queue_declare(names.queue(queue), passive=True))
    except Missing:
        return Remark(about, f"not in the broker yet; {waiting} wait in the ledger")
    found = f"{told.message_count} words for {waiting} that wait, {told.consumer_count} consumers"
    if told.message_count > waiting + TOO_MANY:
        do = "start workers that serve it: words of what was done long ago are taken off as they are read"
        return Remark(about, found, well=False, do=do)
    return Remark(about, found)
