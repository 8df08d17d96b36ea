"""`datacatalog completion`: words that a shell completes."""

from __future__ import annotations

import click

from datacatalog.interfaces.cli.context import Cli, pass_cli
from datacatalog.interfaces.cli.lazy import COMPLETION_VARIABLE, PROGRAM, Command


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_cli
def completion(cli: Cli, shell: str) -> None:
    """Print the completion script of a shell.

    For bash, write into ~/.bashrc: eval "$(datacatalog completion bash)"
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101  the choice is click's own
    root = click.get_current_context().find_root().command
    script = found(root, {}, PROGRAM, COMPLETION_VARIABLE).source()
    if cli.json:
        cli.out.document({"shell": shell, "script": script})
    else:
        print(script)
