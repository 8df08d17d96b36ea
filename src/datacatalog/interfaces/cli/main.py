"""The `datacatalog` command: what there is, and how every command ends.

Nothing that takes time to load is imported before a command needs it (see `lazy`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import click

from datacatalog import __version__
from datacatalog.domain.errors import DatacatalogError
from datacatalog.interfaces.cli.context import Cli
from datacatalog.interfaces.cli.lazy import COMPLETION_VARIABLE, PROGRAM, Group, Later
from datacatalog.interfaces.cli.output import report

INTERRUPTED = 130
OUR_FAULT = 70
NOBODY_READS = 141

COMMANDS: Mapping[str, Later] = {
    "init": Later("setup:init", "Make a catalog in FOLDER: settings, secrets, store, storage."),
    "up": Later("up:up", "Run the catalog: gateway and workers."),
    "serve": Later("serving:serve", "Run the gateway alone."),
    "worker": Later("serving:worker", "Run workers alone."),
    "pipelines": Later("pipelines:pipelines", "Register pipelines, change them, list them."),
    "jobs": Later("jobs:jobs", "Create jobs, move them on, look at them."),
    "files": Later("files:files", "Look up files, with checksums and links."),
    "records": Later(
        "records:records", "Look at records of every kind, change them, hide them, bring them back."
    ),
    "linked": Later(
        "records:linked", "Tell what belongs to records: files, measurements, samples, ..., or jobs."
    ),
    "log": Later("log:log", "Tell who changed a record, when, and what; the oldest first."),
    "lineage": Later("lineage:lineage", "Tell what something came from, or what came of it."),
    "export": Later("exporting:export", "Tell other tools how something came about."),
    "index": Later("indexing:index", "Index the outputs of a job."),
    "verify": Later("verifying:verify", "Tell whether files are still what the catalog says."),
    "load": Later("loading:load", "Put records into the catalog, from JSON and CSV files."),
    "dump": Later("dumping:dump", "Write records out, in the form that 'datacatalog load' reads."),
    "send": Later("sending:send", "Send a message to an actor."),
    "token": Later("tokens:token", "Make tokens, and revoke those of a document."),
    "nonce": Later("nonces:nonce", "Make, list and revoke nonces."),
    "subscriptions": Later(
        "subscriptions:subscriptions", "Tell others what happens to jobs, by signed requests."
    ),
    "grants": Later("grants:grants", "Let tenants see, or change, the records of others."),
    "queue": Later("queues:queue", "Look into the queues; revive or discard dead letters."),
    "db": Later("db:db", "Back up the ledger, restore it, copy it, migrate it, check it."),
    "doctor": Later("doctor:doctor", "Check this catalog, and tell what to do."),
    "completion": Later("completion:completion", "Print the completion script of a shell."),
}


class Root(Group):
    """The command itself. It ends with the exit status of what went wrong (domain/errors), or 0."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        cli = Cli()
        extra.pop("standalone_mode", None)
        words = list(sys.argv[1:] if args is None else args)
        if COMPLETION_VARIABLE in os.environ:
            super().main(words, PROGRAM, complete_var=COMPLETION_VARIABLE)
        sys.exit(self._status(words, prog_name or PROGRAM, cli, extra))

    def _status(self, words: list[str], name: str, cli: Cli, extra: dict[str, Any]) -> int:
        try:
            with self.make_context(name, words, obj=cli, **extra) as context:
                ended = self.invoke(context)
            sys.stdout.flush()
        except click.exceptions.Exit as e:
            return e.exit_code
        except click.UsageError as e:
            # Where the words cannot be read, --json may not have been read either.
            report("usage", _usage(e), as_json=cli.json or "--json" in words)
            return e.exit_code
        except click.ClickException as e:
            report("usage", e.format_message(), as_json=cli.json)
            return e.exit_code
        except (click.Abort, KeyboardInterrupt):
            return INTERRUPTED
        except BrokenPipeError:
            # What is still buffered would be written, and complained about, at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return NOBODY_READS
        except DatacatalogError as e:
            report(e.code, _told(e), e.complaints, as_json=cli.json)
            return e.exit
        except OSError as e:
            report("io", f"{e.filename}: {e.strerror}" if e.filename else str(e), as_json=cli.json)
            return 1
        except Exception as e:
            if cli.verbose:
                raise
            report("internal", f"{type(e).__name__}: {e} (--verbose shows where)", as_json=cli.json)
            return OUR_FAULT
        finally:
            cli.close()
        return ended if isinstance(ended, int) else 0


def _usage(error: click.UsageError) -> str:
    hint = f" (see '{error.ctx.command_path} --help')" if error.ctx else ""
    return error.format_message() + hint


def _told(error: DatacatalogError) -> str:
    """Return the error's text, after the places that were noted on its way up."""
    return ": ".join([*reversed(getattr(error, "__notes__", [])), str(error)])


@click.group(PROGRAM, cls=Root, later=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """The ledger of computational pipelines: what ran, on what, with which parameters, and what came of it.

    'datacatalog init' makes a catalog, 'datacatalog up' runs it.
    """
