"""Runs the command line: `python -m perdure`."""

from __future__ import annotations

import sys

from perdure.cli import main

sys.exit(main())
