"""What one run of the command works with: the shared options, and the application where it is needed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import click

from datacatalog import __version__
from datacatalog.interfaces.cli.output import Output

if TYPE_CHECKING:
    from datacatalog.bootstrap import App
    from datacatalog.services.env import Env


class Cli:
    """One run of the command.

    Attributes:
        json: print for programs.
        verbose: say more, on standard error.
        service: what this process is for metrics and traces; "": a command, which has none.
        config: the config.yml that was named by option, which $DATACATALOG_CONFIG of this process names too.
    """

    def __init__(self) -> None:
        self.json = False
        self.verbose = False
        self.config: str | None = None
        self.service = ""
        self._app: App | None = None

    @property
    def app(self) -> App:
        """The application, as configured; it is wired on first use.

        Raises:
            Misconfigured, StoreDown.
        """
        if self._app is None:
            from datacatalog.bootstrap import Service, build_app

            self._app = build_app(service=Service(self.service, __version__) if self.service else None)
        return self._app

    @property
    def env(self) -> Env:
        return self.app.env

    @cached_property
    def user(self) -> str:
        """The name of the user of this machine that types; the update log tells it."""
        from datacatalog.settings import machine_user

        return machine_user()

    @cached_property
    def out(self) -> Output:
        return Output(as_json=self.json)

    def close(self) -> None:
        if self._app is not None:
            self._app.close()
            self._app = None


pass_cli = click.make_pass_decorator(Cli)
