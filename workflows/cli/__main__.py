"""The command `oriane` where the package is not installed, as in its image."""

from workflows.cli.start import main

main()
