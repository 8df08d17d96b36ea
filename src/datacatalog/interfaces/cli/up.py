"""`datacatalog up`: gateway and workers, as one thing that is started and stopped."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command
from datacatalog.interfaces.cli.serving import (
    gateway_grace_s,
    gateways,
    host_option,
    open_socket,
    port_option,
    reached_at,
)

if TYPE_CHECKING:
    from http.client import HTTPConnection

ASK_EVERY_S = 0.1
ANSWER_S = 5


@click.command(cls=Command)
@host_option
@port_option
@click.option(
    "--workers",
    type=click.IntRange(0, 64),
    metavar="N",
    default=1,
    show_default=True,
    help="Worker processes.",
)
@pass_cli
def up(cli: Cli, host: str | None, port: int | None, workers: int) -> int:
    """Run the catalog: gateway and workers.

    Ctrl-C or SIGTERM stops all of it; what dies is started again.
    """
    from datacatalog.interfaces.cli.logs import log_to_stderr
    from datacatalog.interfaces.cli.supervisor import GRACE_S, Child, Supervisor
    from datacatalog.interfaces.http.sockets import url_of
    from datacatalog.settings import load

    log_to_stderr(verbose=cli.verbose)
    settings = load()
    log_to_stderr(settings.config["log"], verbose=cli.verbose)
    sock = open_socket(settings, host, port)
    environ = {**os.environ, **reached_at(sock, settings)}
    more = ["--verbose"] if cli.verbose else []
    children = gateways(settings, sock, verbose=cli.verbose)
    first = settings.config["worker"]["metrics_port"]
    for n in range(workers):
        status = ["--metrics-port", str(first + n if first else 0)] if first is not None else []
        children.append(Child(f"worker {n + 1}", ["worker", *status, *more]))
    url = url_of(sock, settings.scheme)
    shown = environ["DATACATALOG_GATEWAY__URL"]
    tell_when_ready(
        url, lambda: cli.out.line({"url": shown}, f"the catalog runs at {shown} (Ctrl-C stops it)")
    )
    grace_s = max(GRACE_S, gateway_grace_s(settings), settings.config["worker"]["drain_s"] + 5)
    return Supervisor(children=children, environ=environ, grace_s=grace_s, listening=[sock]).run()


def tell_when_ready(url: str, tell: Callable[[], None]) -> None:
    """Call `tell`, from a thread of its own, once the gateway at `url` says that it is ready."""

    def wait() -> None:
        while not is_ready(url):
            time.sleep(ASK_EVERY_S)
        tell()

    threading.Thread(target=wait, name="ready", daemon=True).start()


def is_ready(url: str, path: str = "/readyz", *, timeout_s: float = ANSWER_S) -> bool:
    """Tell whether a gateway answers well, and in time. It is told nothing, so that it need not prove who it is."""
    from http.client import HTTPException

    connection = _connection(url, timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _connection(url: str, timeout_s: float) -> HTTPConnection:
    from http.client import HTTPConnection, HTTPSConnection
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.scheme == "http":
        return HTTPConnection(parts.netloc, timeout=timeout_s)
    import ssl

    # The name in the certificate is that by which others reach it, which need not be the address that is asked here.
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection(parts.netloc, timeout=timeout_s, context=anybody)
