"""`python -m vestibule` is the `vestibule` command."""

from vestibule.cli import main

main()
