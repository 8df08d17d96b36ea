"""`python -m datacatalog`: the command line."""

from datacatalog.interfaces.cli.main import main

main()
