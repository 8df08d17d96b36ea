"""The receiver that the recipe shows, as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import requests

from datacatalog.services.env import Principal
from datacatalog.services.redelivering import ping
from datacatalog.services.subscriptions import Wish, subscribe
from tests.acceptance.receiver import port_without_listener
from tests.harness import install, until
from tests.shared import REPOSITORY

RECIPE = REPOSITORY / "docs" / "how-to" / "subscribe.md"


def test_receiver_of_the_recipe_believes_what_is_signed_and_nothing_else(tmp_path: Path):
    [program] = re.findall(r"^```python\n(.*?)^```", RECIPE.read_text(), re.M | re.S)
    port = port_without_listener()
    url = f"http://127.0.0.1:{port}/hook"
    outgoing = {"hosts": [f"127.0.0.1:{port}"], "private_networks": ["127.0.0.0/8"]}
    catalog = install(tmp_path / "catalog", outgoing=outgoing)
    env = catalog.app.env
    wish, me = Wish(subject=catalog.pipeline(), url=url, events=["create"]), Principal(name="me", via="tests")
    made = env.store.transact(lambda work: subscribe(wish, me, work, env))
    receiver = subprocess.Popen(
        [sys.executable, "-c", program.replace("8700", str(port))],
        env={**os.environ, "WEBHOOK_SECRET": made.secret},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        forged = {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
        until(lambda: requests.post(url, data="{}", headers=forged, timeout=5).status_code == 401)
        assert ping(made.subscription.id, env).ok
        assert receiver.stdout is not None
        assert receiver.stdout.readline().split()[1:] == ["ping"]
        job = catalog.job(wish.subject)
        assert catalog.work("webhooks") == 1
        told = receiver.stdout.readline().split()
        assert told[0].startswith(f"{made.subscription.id}:")
        assert told[1:] == [job.job.uuid, "1", "create", "CREATED"]
        assert env.transport.dead("webhooks") == []
    finally:
        receiver.kill()
        receiver.communicate()
        catalog.app.close()
