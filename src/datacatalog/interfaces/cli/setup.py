"""`datacatalog init`: a catalog of one's own."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import CONFIG_VARIABLE, Command

_TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")


def _read_port(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    if value != "free":
        return click.IntRange(0, 65535)(value, parameter, context)
    from datacatalog.interfaces.http.sockets import listen

    with listen("127.0.0.1", 0) as sock:
        return int(sock.getsockname()[1])


def _read_tenant(context: click.Context, _: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _TENANT.fullmatch(value):
        raise click.BadParameter("may have letters, digits, '.', '_' and '-'")
    return value


@click.command(cls=Command)
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--port", callback=_read_port, metavar="PORT|free", help="Where the gateway listens.")
@click.option("--host", metavar="H", help="The address that it listens on.")
@click.option(
    "--storage-root", type=click.Path(file_okay=False), metavar="DIR", help="Where archived files lie."
)
@click.option(
    "--tenant",
    callback=_read_tenant,
    metavar="T",
    help="The installation's tenant: of all records and credentials that name none.",
)
@pass_cli
def init(
    cli: Cli,
    folder: Path | None,
    port: int | None,
    host: str | None,
    storage_root: str | None,
    tenant: str | None,
) -> None:
    """Make a catalog in FOLDER: settings, secrets, store, storage.

    FOLDER is that of $DATACATALOG_CONFIG, or ~/.datacatalog, where it is not given. What is there is not written over.
    """
    from datacatalog.interfaces.cli.installation import install

    config = config_in(folder)
    given = {
        "port": port,
        "host": host,
        "root": os.path.abspath(storage_root) if storage_root else None,
        "tenant": tenant,
    }
    made = install(config, {key: value for key, value in given.items() if value is not None})
    steps = _next(config, None if cli.config else os.environ.get(CONFIG_VARIABLE))
    cli.out.lines(
        {
            "home": str(config.parent),
            "config": str(config),
            "url": made.settings.api_url,
            "created": [str(path) for path in made.created],
            "next": steps,
        },
        [f"a catalog is in {config.parent}", "next:", *(f"  {step}" for step in steps)],
    )


def config_in(folder: Path | None) -> Path:
    """Return where config.yml is to be."""
    from datacatalog.settings import CONFIG_FILE, default_home

    if folder is not None:
        return folder.absolute() / CONFIG_FILE
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named).expanduser().absolute() if named else default_home() / CONFIG_FILE


def _next(config: Path, named: str | None) -> list[str]:
    """Tell what to type next.

    Args:
        named: the variable as the shell has it; it is to be set where the file would not be found without.
    """
    found = Path(named).expanduser().absolute() if named else Path.home() / ".datacatalog" / config.name
    export = [] if config == found else [f"export {CONFIG_VARIABLE}={shlex.quote(str(config))}"]
    return [*export, "datacatalog up", "datacatalog doctor"]
