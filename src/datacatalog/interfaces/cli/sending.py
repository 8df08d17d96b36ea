"""`datacatalog send`: a message to an actor, of this catalog or behind a gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

import click

from datacatalog.domain.errors import DatacatalogError
from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import Command
from datacatalog.interfaces.cli.params import message_file, read_pairs

TIMEOUT_S = 60
EXIT_OF_HTTP = {400: 2, 401: 77, 403: 77, 404: 3, 409: 4, 412: 4, 413: 2, 415: 2, 429: 75, 503: 75}


class Answered(DatacatalogError):
    """A gateway refused; what it said is said again here."""

    def __init__(self, http: int, code: str, message: str, complaints: list[dict[str, str]]) -> None:
        self.code, self.http, self.exit = code, http, EXIT_OF_HTTP.get(http, 1)  # type: ignore[misc]
        self._complaints = complaints
        super().__init__(message)

    @property
    def complaints(self) -> list[dict[str, str]]:
        return self._complaints


class Unreachable(DatacatalogError):
    """No answer came."""

    code = "unreachable"
    http = 503
    exit = 75
    retry = True


def _read_url(context: click.Context, _: click.Parameter, value: str | None) -> str | None:
    if value is not None and (not value.startswith(("http://", "https://")) or "@" in value):
        raise click.BadParameter("must be http://host or https://host, without a user")
    return value


@click.command(cls=Command)
@click.argument("actor")
@message_file
@click.option(
    "-q",
    "--query",
    multiple=True,
    callback=read_pairs,
    metavar="KEY=VALUE",
    help="A URL parameter; may be given again.",
)
@click.option(
    "--url",
    callback=_read_url,
    metavar="URL",
    help="The gateway to send it to; without it, it is handled here.",
)
@click.option(
    "--nonce",
    envvar="DATACATALOG_NONCE",
    show_envvar=True,
    metavar="N",
    help="With --url: the nonce to show.",
)
@click.option(
    "--bearer",
    envvar="DATACATALOG_BEARER",
    show_envvar=True,
    metavar="T",
    help="With --url: the bearer token to show.",
)
@pass_cli
def send(
    cli: Cli,
    actor: str,
    file: BinaryIO,
    query: Mapping[str, str],
    url: str | None,
    nonce: str | None,
    bearer: str | None,
) -> None:
    """Send a message to an actor.

    The message is in FILE. The answer is printed with the token that it issues.
    """
    if url is not None:
        cli.out.document(_post(url, actor, file.read(), query, nonce, bearer))
        return
    from datacatalog.domain.errors import UnknownActor
    from datacatalog.interfaces.cli.acting import deliver

    name = cli.app.actor_names.get(actor)
    if name is None:
        raise UnknownActor(actor)
    answer = deliver(name, file.read(), cli.env, query, queued=cli.app.queued(name))
    cli.out.document(
        {"executionId": answer.execution, "outcome": dict(answer.result), "log": list(answer.log)}
    )


def _post(
    url: str, actor: str, body: bytes, query: Mapping[str, str], nonce: str | None, bearer: str | None
) -> Mapping[str, Any]:
    """Post a message to a gateway, and return the result in its answer.

    Raises:
        Unreachable, Answered.
    """
    from urllib.parse import quote

    import requests

    shown = {"x-nonce": nonce} if nonce else {}
    headers = {"Content-Type": "application/json"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    try:
        answer = requests.post(
            f"{url.rstrip('/')}/actors/v2/{quote(actor, safe='')}/messages",
            params={**query, **shown},
            data=body,
            headers=headers,
            timeout=TIMEOUT_S,
            # A redirected POST becomes a GET, and would carry what it shows to somewhere else.
            allow_redirects=False,
        )
    except requests.RequestException as e:
        # Their texts have the whole URL in them, secrets included.
        raise Unreachable(f"{url} gave no answer ({type(e).__name__})") from None
    return _result(answer.status_code, answer.content, url)


def _result(http: int, content: bytes, url: str) -> Mapping[str, Any]:
    from datacatalog.domain.errors import InvalidJson
    from datacatalog.domain.strict_json import parse_object

    try:
        envelope = parse_object(content)
    except InvalidJson:
        raise Answered(http, "no-gateway", f"{url} answered {http}, and not as a gateway does", []) from None
    result = envelope.get("result")
    result = result if isinstance(result, dict) else {}
    if http >= 300:
        message = str(envelope.get("message", f"the gateway answered {http}"))
        raise Answered(http, str(result.get("code", "refused")), message, list(result.get("errors", [])))
    return result
