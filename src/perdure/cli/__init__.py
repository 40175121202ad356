"""The command line: reads arguments, calls what does the work, prints, and turns errors into exit codes."""

from perdure.cli.program import main as main
