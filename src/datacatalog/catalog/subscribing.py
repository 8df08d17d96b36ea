"""Having others told of what happens to jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datacatalog.catalog.names import Reference, text_of
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env, Principal
from datacatalog.services.finding import find_record
from datacatalog.services.subscriptions import Subscribed, Wish, document_of, subscribe, unsubscribe
from datacatalog.settings import machine_user


class Subscribing:
    """Subscriptions of an open catalog."""

    env: Env

    def subscribe(
        self,
        reference: Reference,
        url: str,
        *,
        events: Sequence[str] = (),
        secret: str | None = None,
        by: str | None = None,
    ) -> dict[str, Any]:
        """Have a URL told of what happens to a job, or to all jobs of a pipeline, by signed requests; workers send them.

        Args:
            url: one that `outgoing` of the configuration allows.
            events: names such as `finish`; none: all.
            secret: base64 of 24 to 64 bytes; None: one is made.
            by: whose subscription it is; None: the user of this machine.
        Returns:
            The subscription, with its `id` and its `secret`, which is shown this once.
        Raises:
            UnknownRecord, InvalidField.
        """
        who = Principal(name=by or machine_user(), via="python")

        def body(work: Work) -> Subscribed:
            subject = find_record(text_of(reference), work, self.env).uuid
            wish = Wish(subject=subject, url=url, events=events, secret=secret)
            return subscribe(wish, who, work, self.env)

        made = self.env.store.transact(body)
        return {**document_of(made.subscription), "secret": made.secret}

    def unsubscribe(self, id: str) -> None:
        """Remove a subscription.  Raises UnknownRecord."""
        self.env.store.transact(lambda work: unsubscribe(id, work))
