"""The wheel holds everything, runs from an empty environment, and `import perdure` stays light."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEAVY = ("torch", "cv2", "matplotlib", "scipy", "supervision", "av")


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command outside the checkout's folders of code; its output is shown if it fails."""
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT / "tests", env=os.environ | environment
    )
    assert result.returncode == 0, f"{command}: exit {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


def loaded_after(statement: str) -> list[str]:
    """Returns the heavy packages that a fresh interpreter has loaded after a statement."""
    code = f"import sys\n{statement}\nprint([name for name in {HEAVY} if name in sys.modules])"
    return names_in(run(sys.executable, "-c", code, PYTHONPATH=str(ROOT / "src")).stdout.splitlines()[-1])


def names_in(text: str) -> list[str]:
    return re.findall(r"'(\w+)'", text)


def test_import_alone_loads_nothing_heavy() -> None:
    assert loaded_after("import perdure") == []


def test_the_check_of_what_is_loaded_can_fail() -> None:
    assert loaded_after("import scipy") == ["scipy"]


def test_every_public_name_can_be_had_and_is_listed() -> None:
    code = (
        "import perdure\n"
        "assert perdure.__all__, 'nothing is public'\n"
        "for name in perdure.__all__: getattr(perdure, name)\n"
        "assert set(perdure.__all__) <= set(dir(perdure)), set(perdure.__all__) - set(dir(perdure))\n"
    )
    run(sys.executable, "-c", code, PYTHONPATH=str(ROOT / "src"))


def test_folders_that_are_used_by_their_names_need_no_import() -> None:
    """`perdure.integrations.supervision`, as README writes it, once raised AttributeError."""
    found = sorted(path.stem for path in (ROOT / "src/perdure/integrations").glob("[!_]*.py"))
    code = (
        "import perdure\n"
        "assert 'integrations' in dir(perdure)\n"
        f"for name in {found}: getattr(perdure.integrations, name)\n"
        "perdure.integrations.supervision.TrackConfirmer\n"
    )
    assert not {"torch", "cv2", "supervision"} & set(loaded_after(code))


@pytest.mark.parametrize("arguments", ["['--version']", "['--help']", "['run', '--help']"])
def test_help_and_version_load_neither_torch_nor_opencv(arguments: str) -> None:
    statement = (
        "from perdure.cli import main\n"
        "try:\n"
        f"    main({arguments})\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code"
    )
    assert not {"torch", "cv2"} & set(loaded_after(statement))


def test_version_stands_in_one_place_and_in_the_changelog() -> None:
    code = "import perdure; print(perdure.__version__)"
    shown = run(sys.executable, "-c", code, PYTHONPATH=str(ROOT / "src")).stdout.strip()
    assert shown == PROJECT["version"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def requirements() -> set[str]:
    """Returns the normalised names of everything that pyproject.toml asks for."""
    extras = [text for extra in PROJECT["optional-dependencies"].values() for text in extra]
    return requirements_of([*PROJECT["dependencies"], *extras])


def requirements_of(texts: list[str]) -> set[str]:
    """Returns the normalised names of what some lines ask for."""
    names = {re.split(r"[<>=~!;\[ ]", text)[0].lower().replace("_", "-") for text in texts}
    return names - {PROJECT["name"]}  # extras of this package, which it names in others


def test_everything_asked_for_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    exact = {line.split("==")[0].lower().replace("_", "-") for line in pins if "==" in line}
    assert requirements() <= exact, requirements() - exact
    assert [line for line in pins if "==" not in line] == ["torchvision<0"], "everything else is pinned exactly"
    assert not [line for line in pins if "/" in line or "@" in line or line.startswith("-")], "no place is named"


OF_EXTRAS = ("torch", "cv2", "av", "PIL", "scipy", "matplotlib", "jinja2", "sklearn", "supervision", "starlette")
WITHOUT = f"""
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OF_EXTRAS}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""
DECIDE = """
import numpy as np, perdure
gate, decided = perdure.load("detections", image_size=(640, 480)), []
for index in range(20):
    boxes = np.array([[10.0 + index, 10, 50 + index, 60], [300.0, 20 + index, 330, 90 + index]])
    decided += gate.update(None, perdure.Detections(xyxy_px=boxes, score=np.full(2, 0.8))).decisions
confirm = perdure.integrations.supervision.TrackConfirmer(perdure.load("detections", image_size=(640, 480)))
print(sorted((decision.track_id, decision.label) for decision in decided))
"""


def test_detections_need_nothing_but_numpy() -> None:
    """Torch, OpenCV and SciPy were asked for by an installation that never used them: 3 GB instead of 100 MB."""
    shown = run(sys.executable, "-c", WITHOUT + DECIDE, PYTHONPATH=str(ROOT / "src")).stdout
    assert shown.strip() == "[(0, 'persistent'), (1, 'persistent')]"
    assert not requirements_of(PROJECT["dependencies"]) & {"torch", "opencv-python-headless", "scipy", "av", "pillow"}


@pytest.mark.parametrize(
    ("words", "module", "extra"),
    [
        (["demo"], "av|cv2", "video|watch"),
        (["watch", "a.mp4", "--no-video"], "av|cv2", "video|watch"),
        (["adapt", str(ROOT / "src/perdure/demo/detections.txt")], "sklearn", "tracks"),
        (["monitor", str(ROOT)], "starlette", "monitor"),
    ],
)
def test_a_missing_extra_is_named_in_one_line(words: list[str], module: str, extra: str) -> None:
    code = WITHOUT + f"from perdure.cli.program import main; sys.exit(main({words}))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True
    )
    line = rf"perdure {words[0]}: this needs ({module}), which is not installed; pip install 'perdure\[({extra})\]'"
    assert re.match(line, done.stderr), done.stderr
    assert (done.returncode, done.stderr.strip().count("\n")) == (2, 0)


def test_detections_in_files_need_no_extra(tmp_path: Path) -> None:
    """`perdure confirm` asked for Pillow, PyAV and OpenCV: the reader of MOT folders knows images, the bar draws."""
    words = ["confirm", str(ROOT / "src/perdure/demo/detections.txt"), "--out", str(tmp_path)]
    run(sys.executable, "-c", f"{WITHOUT}from perdure.cli.program import main; sys.exit(main({words}))",
        PYTHONPATH=str(ROOT / "src"))  # fmt: skip
    assert (tmp_path / "confirmed_from_birth.txt").read_text().count("\n") > 10


def test_weights_that_read_pixels_name_their_extra() -> None:
    code = WITHOUT + "import perdure\ntry:\n    perdure.load('pixels')\nexcept ImportError as error:\n    print(error)"
    shown = run(sys.executable, "-c", code, PYTHONPATH=str(ROOT / "src")).stdout
    assert shown.strip() == "this needs torch, which is not installed; pip install 'perdure[pixels]'"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    constraints = {"PIP_CONSTRAINT": str(ROOT / "constraints.txt")} if " " not in str(ROOT) else {}
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", folder, ROOT, **constraints)
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_wheel_holds_all_code_and_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = ROOT / "src" / "perdure"
    is_checkout = shutil.which("git") is not None and (ROOT / ".git").exists()
    tracked = run("git", "-C", ROOT, "ls-files", package).stdout.split() if is_checkout else []
    expected = {str(Path(name).relative_to("src")) for name in tracked}
    assert expected <= names, sorted(expected - names)
    for kind in (".py", "py.typed", ".j2", ".css", ".safetensors", ".json", ".md"):
        assert any(name.startswith("perdure/") and name.endswith(kind) for name in names), f"no {kind} in the wheel"
    assert not [name for name in names if not name.startswith(("perdure/", "perdure-"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_wheel_runs_from_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    # A constraint file named relative to the checkout, as make names it, is not found from elsewhere; none is needed.
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, PIP_CONSTRAINT="")
    run(python, "-I", "-c", "import perdure")
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    # The dependencies are those of this environment; the package itself must be the installed one.
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    shown = run(tmp_path / "env" / "bin" / "perdure", "--version", PYTHONPATH="").stdout
    assert PROJECT["version"] in shown
    where = run(python, "-c", "import perdure; print(perdure.__file__)", PYTHONPATH="").stdout.strip()
    assert Path(where).is_relative_to(site)
    words = [tmp_path / "env" / "bin" / "perdure", "proof", "green", tmp_path]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": ""})
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "the tests of perdure are not installed with it" in done.stderr, "a proof needs a checkout, and says so"
