"""One message, handled by one process: how a reactor runs in an actor container.

The message stands in the environment variable MSG (or on standard input, where MSG is not set), its URL parameters are further
variables, as Abaco passes them. The process ends with 0, or with the exit code of the error (domain/errors).
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO

from datacatalog import __version__
from datacatalog.bootstrap import Service, build_app
from datacatalog.bootstrap.telemetry import REACTOR
from datacatalog.domain.errors import DatacatalogError, InvalidField
from datacatalog.interfaces.cli.logs import log_to_stderr
from datacatalog.ports.telemetry import about, job_in, trace_of
from datacatalog.services.env import Principal
from datacatalog.services.reading import Request
from datacatalog.services.reception import Envelope, receive
from datacatalog.settings import load

MESSAGE_VARIABLE = "MSG"
EXECUTION_VARIABLE = "_abaco_execution_id"
TRACE_VARIABLE = "TRACEPARENT"
USER_VARIABLE = "_abaco_username"
CONTEXT_FIELDS = ("uuid", "event", "name", "token", "status", "state", "note", "action", "level", "session")

log = logging.getLogger("datacatalog.reactor")


def serve(
    actor: str,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
) -> int:
    """Handle the one message that this process was started for.

    The execution's id makes the message recognizable: run again with the same id, it has no second effect.

    Args:
        config: the reactor's own config.yml, laid over the installation's.
    Returns:
        The exit code. The outcome is printed as one line of JSON; what went wrong goes to the log.
    """
    environ = os.environ if environ is None else environ
    known = {"actor": actor, "message_id": environ.get(EXECUTION_VARIABLE)}
    with about(**known, **trace_of(environ.get(TRACE_VARIABLE, ""))):
        try:
            settings = load(environ=environ, overlay=config)
            log_to_stderr(settings.config["log"], force=False)
            with closing(build_app(settings, service=Service(REACTOR, __version__))) as app:
                answer = receive(_envelope(actor, environ, stdin or sys.stdin), app.env)
        except DatacatalogError as e:
            log_to_stderr(force=False)
            log.critical("%s: %s", e.code, e)
            return e.exit
        with about(execution_id=answer.execution, job_uuid=job_in(answer.result.get("uuid"))):
            for line in answer.log:
                log.info("%s", line)
    print(json.dumps(_public(answer.result), sort_keys=True), file=stdout or sys.stdout)
    return 0


def _envelope(actor: str, environ: Mapping[str, str], stdin: TextIO) -> Envelope:
    text = environ.get(MESSAGE_VARIABLE)
    if text is None and not stdin.isatty():
        text = stdin.read()
    context = {name: _plain(name, environ[name]) for name in CONTEXT_FIELDS if environ.get(name)}
    execution = environ.get(EXECUTION_VARIABLE)
    return Envelope(
        # What is not UTF-8 comes out of the environment as it was, and is refused where the message is read.
        request=Request(actor=actor, body=(text or "").encode(errors="surrogateescape"), context=context),
        principal=Principal(name=environ.get(USER_VARIABLE, "reactor"), via="process", operates=True),
        delivery_id=f"execution:{execution}" if execution else None,
    )


def _plain(name: str, value: str) -> str:
    """Return a variable's value.  Raises InvalidField: it is not UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidField(name, "is not UTF-8") from None
    return value


def _public(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return an outcome without its token: what an actor prints is kept as its log."""
    return {name: value for name, value in result.items() if name != "token"}
