"""What the release workflow asks of the package: `version TAG` compares both, `smoke` decides with what is installed.

`smoke` is run with `python -I`, outside of a checkout's sources, on every system that the package is for.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

NUM_FRAMES = 12


def check_version(tag: str) -> None:
    """Compares a tag with the version in pyproject.toml.

    Raises:
        SystemExit: they differ.
    """
    path = Path(__file__).resolve().parents[1] / "pyproject.toml"
    version = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"]
    if tag != f"v{version}":
        raise SystemExit(f"tag: got {tag}, expected v{version} as {path.name} says")


def smoke() -> None:
    """Decides on one walker among clutter, from Python and from the command line.

    Raises:
        SystemExit: the walker is not confirmed, or any clutter is.
    """
    import numpy as np

    import perdure

    rng = np.random.default_rng(0)
    gate = perdure.load("detections", image_size=(640, 480))
    lines, confirmed = [], []
    for index in range(NUM_FRAMES):
        corner = rng.uniform(0.0, 400.0, 2)
        boxes = np.array([[50.0 + 3 * index, 100, 80.0 + 3 * index, 180], [*corner, *(corner + 20)]])
        result = gate.update(None, perdure.Detections(xyxy_px=boxes, score=np.array([0.9, 0.3])))
        confirmed += [made.track_id for made in result.decisions if made.label == "persistent"]
        sizes = boxes[:, 2:] - boxes[:, :2]
        lines += [
            f"{index + 1},-1,{box[0]},{box[1]},{size[0]},{size[1]},0.9" for box, size in zip(boxes, sizes, strict=True)
        ]
    if confirmed != [0]:
        raise SystemExit(f"smoke: tracks {confirmed} were confirmed, expected 0 alone")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "det.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        program = Path(sysconfig.get_path("scripts")) / "perdure"
        words = [program, "confirm", path, "--size", "640", "480", "--out", Path(folder) / "out"]
        subprocess.run(words, check=True)  # noqa: S603 - the program that was installed
        found = (Path(folder) / "out" / "confirmed.txt").read_text(encoding="utf-8").splitlines()
    if not found:
        raise SystemExit("smoke: perdure confirm has confirmed nothing, expected the walker")
    sys.stdout.write(f"perdure {perdure.__version__} decides on {sys.platform}, Python {sys.version.split()[0]}\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["smoke"]:
        smoke()
    elif sys.argv[1:2] == ["version"] and len(sys.argv) == 3:
        check_version(sys.argv[2])
    else:
        raise SystemExit("usage: release.py smoke | release.py version TAG")
