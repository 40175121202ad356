"""The run-time check of annotations that the test suite uses: beartype, where an int may stand for a float.

That is what PEP 484 and mypy say of `float`; beartype alone is stricter than the language.
"""

from __future__ import annotations

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
