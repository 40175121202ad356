"""Run folders and the command line with fake stages, as the tests of runs have them."""

from __future__ import annotations

from runs.conftest import finished as finished
from runs.conftest import folder as folder
from runs.conftest import perdure as perdure
