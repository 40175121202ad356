# %% [markdown]
# # Your own site
#
# The rates of weights hold where they were calibrated. Here we write a small labelled site in MOT format, see what the
# weights of the package do on it, and calibrate them: nothing is trained.

# %%
import json
from pathlib import Path

import numpy as np

import perdure
from perdure.cli import main

# %% [markdown]
# ## A labelled site
#
# Six sequences of 24 seconds at 10 frames a second. Walkers are found on nine of ten frames and have a ground truth;
# flickers live one to three frames and have none. Your own site is such folders with your detections and labels.

# %%
rng = np.random.default_rng(1)


def write_sequence(folder, num_frames=240):
    """Writes seqinfo.ini, det/det.txt and gt/gt.txt of one sequence."""
    detections, truth = [], []
    for walker in range(15):
        first, x, y = rng.integers(0, num_frames - 30), rng.uniform(20, 560), 20.0 * walker
        step, length = rng.uniform(-1, 1), rng.integers(15, 60)
        for age in range(min(length, num_frames - first)):
            box = f"{x + step * age:.1f},{y:.1f},12,14"
            truth.append(f"{first + age + 1},{walker + 1},{box},1,1,1")
            if age == 0 or rng.random() < 0.9:
                detections.append(f"{first + age + 1},-1,{box},{rng.normal(0.65, 0.1):.3f},-1")
    for _ in range(80):
        first, score = rng.integers(0, num_frames - 4), rng.normal(0.5, 0.1)
        x, y = rng.uniform(0, 600), rng.uniform(330, 460)
        for age in range(rng.integers(1, 4)):
            detections.append(f"{first + age + 1},-1,{x:.1f},{y:.1f},12,14,{score:.3f},-1")
    for name, lines in (("det", detections), ("gt", truth)):
        (folder / name).mkdir(parents=True)
        (folder / name / f"{name}.txt").write_text("\n".join(lines) + "\n")
    info = f"name={folder.name}\nframeRate=10\nseqLength={num_frames}\nimWidth=640\nimHeight=480\n"
    (folder / "seqinfo.ini").write_text(f"[Sequence]\n{info}")


for number in range(6):
    write_sequence(Path("site") / f"camera-{number}")
print(sorted(path.name for path in Path("site").iterdir()))

# %% [markdown]
# ## Calibrate
#
# The same as `perdure calibrate detections --data site --max-false-confirm 0.1 --out site.json` in a shell. The gate
# runs over all sequences; one random track of each class counts from each two seconds, since tracks of one moment are
# alike.

# %%
code = main(["calibrate", "detections", "--data", "site", "--max-false-confirm", "0.1", "--out", "site.json"])
assert code == 0

# %% [markdown]
# ## Decide with it
#
# A new sequence of the site, by the calibrated gate. Its file holds every labelled track with its evidence, so that
# other rates can be asked for when it is loaded.

# %%
write_sequence(Path("new"))
rows = np.loadtxt("new/det/det.txt", delimiter=",")


def verdicts(gate):
    """Returns how many walkers and how many flickers a gate confirms; flickers stand below y = 320."""
    walkers = flickers = 0
    for frame in range(1, 241):
        now = rows[rows[:, 0] == frame]
        corners = np.concatenate([now[:, 2:4], now[:, 2:4] + now[:, 4:6]], axis=1)
        result = gate.update(None, perdure.Detections(xyxy_px=corners, score=now[:, 6]))
        confirmed = {decision.track_id for decision in result.decisions if decision.label == "persistent"}
        for track in result.tracks:
            if track.track_id in confirmed:
                walkers, flickers = walkers + (track.xyxy_px[1] < 325), flickers + (track.xyxy_px[1] >= 325)
    return walkers, flickers


for rate in (0.1, 0.2):
    gate = perdure.load("detections", calibration="site.json", image_size=(640, 480), max_false_confirm=rate)
    walkers, flickers = verdicts(gate)
    print(f"at most {rate:.0%}: {walkers} walkers confirmed of 15, {flickers} flickers of 80")
    assert walkers >= 8 and flickers <= 2 * rate * 80

# %% [markdown]
# ## What the file says
#
# How many tracks it holds, and of which site; keep it beside the weights.

# %%
stored = json.loads(Path("site.json").read_text())
print(", ".join(sorted(stored)))
