"""`datacatalog serve` and `worker`: the two kinds of process that a running catalog is made of."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import click

from datacatalog import __version__
from datacatalog.domain.errors import StoreDown
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command
from datacatalog.interfaces.cli.supervisor import INSISTENT_S

if TYPE_CHECKING:
    from datacatalog.bootstrap import App
    from datacatalog.interfaces.cli.supervisor import Child
    from datacatalog.interfaces.worker.loop import Worker
    from datacatalog.settings import Settings

BROKEN_LOOK_S = 1.0
"""How often a process looks whether its ledger can still be believed."""
PATIENCE_S = 20.0
"""How long a process that starts waits for a store elsewhere."""
PATIENCE_LOOK_S = 0.25

log = logging.getLogger("datacatalog.start")

port_option = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="In place of gateway.port; 0 takes a free one.",
)
host_option = click.option("--host", metavar="H", help="In place of gateway.host.")
_watched = click.option(
    "--watch-fd", type=int, hidden=True, help="Stop when this pipe ends: its writer is gone."
)


@click.command(cls=Command)
@host_option
@port_option
@click.option("--fd", type=int, hidden=True, help="A listening socket that was inherited.")
@click.option("--metrics-folder", hidden=True, help="Where several gateways keep what they count.")
@_watched
@pass_cli
def serve(
    cli: Cli,
    host: str | None,
    port: int | None,
    fd: int | None,
    metrics_folder: str | None,
    watch_fd: int | None,
) -> int:
    """Run the gateway alone.

    SIGTERM or Ctrl-C ends it, once what was taken is done.
    """
    from datacatalog.interfaces.cli.logs import log_to_stderr
    from datacatalog.settings import load

    log_to_stderr(verbose=cli.verbose)
    _on_signals(_end_at_once)
    _end_with(watch_fd)
    if metrics_folder is not None:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_folder  # before its library is imported
    settings = load()
    log_to_stderr(settings.config["log"], verbose=cli.verbose)
    sock = socket.socket(fileno=fd) if fd is not None else open_socket(settings, host, port)
    if fd is None:
        os.environ.update(reached_at(sock, settings))
        settings = load()
        if settings.config["gateway"]["processes"] > 1:
            return _serve_together(settings, sock, verbose=cli.verbose)

    from datacatalog.bootstrap import Service, build_app
    from datacatalog.bootstrap.telemetry import GATEWAY
    from datacatalog.interfaces.http.server import serve as serve_socket

    app = once_the_store_answers(
        partial(build_app, settings, service=Service(GATEWAY, __version__)), settings.store_url
    )
    # The server handles these itself while it runs, and then sends them once more.
    _on_signals(_end_in_order)
    _end_when_broken(app)
    serve_socket(app, sock)
    return 0


def _serve_together(settings: Settings, sock: socket.socket, *, verbose: bool) -> int:
    """Look after several gateways that share a socket, until a signal ends them; return the exit status."""
    from datacatalog.interfaces.cli.supervisor import Supervisor

    children = gateways(settings, sock, verbose=verbose)
    grace_s = gateway_grace_s(settings)
    return Supervisor(children=children, environ=os.environ, grace_s=grace_s, listening=[sock]).run()


def gateways(settings: Settings, sock: socket.socket, *, verbose: bool) -> list[Child]:
    """Return the processes that serve a listening socket."""
    from datacatalog.interfaces.cli.supervisor import Child

    words = ["serve", "--fd", str(sock.fileno()), *(["--verbose"] if verbose else [])]
    count = settings.config["gateway"]["processes"]
    names = ["gateway"] if count == 1 else [f"gateway {n + 1}" for n in range(count)]
    if count > 1:
        folder = mkdtemp(prefix="datacatalog-metrics-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        words += ["--metrics-folder", folder]
    return [Child(name, words, inherited=[sock.fileno()]) for name in names]


def gateway_grace_s(settings: Settings) -> float:
    """Return how long a gateway may take to end: to drain, to finish, and a little for the end of the process."""
    return float(settings.config["gateway"]["drain_s"]) + 15


def open_socket(settings: Settings, host: str | None, port: int | None) -> socket.socket:
    """Listen where the settings say, or the options in their place.

    Raises:
        Unavailable: the address is taken or not ours.
        Misconfigured: the certificate and its key cannot be used.
    """
    from datacatalog.domain.errors import Unavailable
    from datacatalog.interfaces.http.sockets import listen
    from datacatalog.interfaces.http.tls import check_tls

    check_tls(settings)
    gateway = settings.config["gateway"]
    host = gateway["host"] if host is None else host
    port = gateway["port"] if port is None else port
    try:
        return listen(host, port)
    except OSError as e:
        raise Unavailable(f"cannot listen on {host} port {port}: {e.strerror}") from e


def reached_at(sock: socket.socket, settings: Settings) -> Mapping[str, str]:
    """Return the variables that tell where the gateway really listens; a gateway.url that is configured stays."""
    from datacatalog.interfaces.http.sockets import url_of

    host, port = sock.getsockname()[:2]
    return {
        "DATACATALOG_GATEWAY__HOST": f"'{host}'",
        "DATACATALOG_GATEWAY__PORT": str(port),
        "DATACATALOG_GATEWAY__URL": settings.config["gateway"]["url"] or url_of(sock, settings.scheme),
    }


def _on_signals(act: Callable[[], object]) -> None:
    """Do this on SIGTERM and SIGINT, which are how a service is stopped."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: act())


def _end_at_once() -> None:
    """End while nothing is served yet: an exception could be lost in whatever is being imported."""
    os._exit(0)


def _end_in_order() -> None:
    raise SystemExit(0)


def _end_with(pipe: int | None) -> None:
    """End this process when the other end of a pipe is closed, however its holder ended."""
    if pipe is None:
        return

    def wait() -> None:
        while os.read(pipe, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    os.set_inheritable(pipe, False)
    threading.Thread(target=wait, name="parent-watch", daemon=True).start()


def _end_when_broken(app: App) -> None:
    """End this process where only another one can be believed again; whoever supervises it starts that.

    At once, since nothing that is under way here can come to a good end.
    """
    from datacatalog.domain.errors import DatacatalogError, StoreBroken

    def watch() -> None:
        while True:
            time.sleep(BROKEN_LOOK_S)
            try:
                app.env.store.read(lambda work: None)
            except StoreBroken as e:
                logging.getLogger("datacatalog").critical("%s; this process ends", e)
                os._exit(e.exit)
            except DatacatalogError:
                pass  # It may be away, or closed: that passes, or is meant.

    threading.Thread(target=watch, name="store-watch", daemon=True).start()


@click.command(cls=Command)
@click.option(
    "--reactor",
    "reactors",
    multiple=True,
    metavar="ACTOR",
    help="Serve only messages to this actor; may be given again.",
)
@click.option(
    "--queue",
    "queues",
    multiple=True,
    metavar="Q",
    help="Serve only this queue, of an actor or of tasks; may be given again.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    metavar="N",
    help="In place of worker.concurrency: threads per kind of work.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="In place of worker.metrics_port; 0 takes a free one.",
)
@_watched
@pass_cli
def worker(
    cli: Cli,
    reactors: Sequence[str],
    queues: Sequence[str],
    concurrency: int | None,
    metrics_port: int | None,
    watch_fd: int | None,
) -> None:
    """Run workers alone.

    As many of these processes as there is work for, on as many machines. SIGTERM or Ctrl-C ends them: what is in hand may take
    worker.drain_s to finish, and is then given back. The same again ends them at once.
    """
    from datacatalog.interfaces.cli.logs import log_to_stderr
    from datacatalog.settings import load

    log_to_stderr(verbose=cli.verbose)
    _on_signals(_end_at_once)
    _end_with(watch_fd)
    if concurrency is not None:
        os.environ["DATACATALOG_WORKER__CONCURRENCY"] = str(concurrency)
    if metrics_port is not None:
        os.environ["DATACATALOG_WORKER__METRICS_PORT"] = str(metrics_port)
    settings = load()
    log_to_stderr(settings.config["log"], verbose=cli.verbose)

    from datacatalog.bootstrap.telemetry import WORKER
    from datacatalog.interfaces.worker.loop import Worker
    from datacatalog.services.dispatch import ACTORS

    cli.service = WORKER
    once_the_store_answers(lambda: cli.app, settings.store_url)
    _check_names("--reactor", "actor", reactors, ACTORS)
    _check_names("--queue", "queue", queues, [*ACTORS, *cli.app.tasks])
    running = Worker(cli.app, [*reactors, *queues] or None)
    _end_when_broken(cli.app)
    _on_signals(_Stopping(running.stop))
    with _status(cli, running, settings):
        running.run()


def once_the_store_answers(wire: Callable[[], App], store_url: str, patience_s: float = PATIENCE_S) -> App:
    """Return the application; a store elsewhere may be away for a moment.

    Whoever looks after processes would start this one again, and wait longer before each time.

    Raises:
        StoreDown: it is a file, or still away after `patience_s`.
    """
    deadline, told = time.monotonic() + patience_s, False
    while True:
        try:
            return wire()
        except StoreDown as e:
            if store_url.startswith("sqlite:") or time.monotonic() >= deadline:
                raise
            if not told:
                log.warning("%s; it is waited for", e)
            told = True
        time.sleep(PATIENCE_LOOK_S)


def _status(cli: Cli, running: Worker, settings: Settings) -> AbstractContextManager[object]:
    """Answer to those who watch the worker, where that is configured."""
    config = settings.config["worker"]
    if config["metrics_port"] is None:
        return nullcontext()
    from datacatalog.interfaces.worker.status import answering

    return answering(cli.app, config["metrics_host"], config["metrics_port"], running.serves)


def _check_names(option: str, what: str, names: Sequence[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise click.BadParameter(f"'{name}' is no {what}; one of {', '.join(known)}", param_hint=option)


class _Stopping:
    """Stops in order at the first signal, and at once where somebody insists."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._since: float | None = None

    def __call__(self) -> None:
        now = time.monotonic()
        if self._since is None:
            self._since = now
            # Not in the handler: it may have interrupted the very wait whose lock it would need.
            threading.Thread(target=self._stop, name="stop").start()
        elif now - self._since > INSISTENT_S:
            os._exit(1)
