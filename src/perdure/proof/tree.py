"""The hash of the source of perdure: any change of any of its Python files changes it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from perdure.proof.mutation import PACKAGE


def tree_hash(package: Path = PACKAGE) -> str:
    """Returns the SHA-256 over names and contents of all Python files of a package, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{content}  {path.relative_to(package).as_posix()}\n".encode())
    return digest.hexdigest()
