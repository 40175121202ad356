# %% [markdown]
# # A clip from end to end
#
# A recorded infrared clip comes with the package: one drone in front of a forest edge, and the clutter of a three-frame
# difference. We watch it, and read what was written.

# %%
import csv
import json
from collections import Counter
from importlib.resources import files
from pathlib import Path

import perdure

# %% [markdown]
# ## Watch
#
# The same as `perdure demo` in a shell. A gate decides, and everything lands in one folder.

# %%
clip = Path(str(files("perdure"))) / "demo"
gate = perdure.load("pixels")
summary = perdure.watch(clip / "drone.mp4", gate, out_dir="seen", detections_path=clip / "detections.txt")
print(sorted(path.name for path in Path("seen").iterdir()))
print(f"{summary.num_frames} frames: {summary.num_persistent} persistent, {summary.num_transient} transient")

# %% [markdown]
# ## Decisions
#
# One line each. How old were tracks when they were decided?

# %%
decisions = [json.loads(line) for line in Path("seen/decisions.jsonl").read_text().splitlines()]
for label in ("persistent", "transient"):
    ages = Counter(decision["age"] for decision in decisions if decision["label"] == label)
    print(label, dict(sorted(ages.items())))

# %% [markdown]
# ## The longest confirmed track
#
# `tracks.csv` has a row for every track on every frame, with its evidence. The drone is the confirmed track that lives
# longest.

# %%
with Path("seen/tracks.csv").open() as file:
    rows = list(csv.DictReader(file))
print(", ".join(rows[0]))
confirmed = {decision["track_id"] for decision in decisions if decision["label"] == "persistent"}
lives = Counter(row["track_id"] for row in rows if int(row["track_id"]) in confirmed)
longest, length = lives.most_common(1)[0]
print(f"track {longest} lived {length} frames")
assert length > 50

# %% [markdown]
# ## Evidence, frame by frame
#
# The track that took longest to confirm: associated or missed, and how the evidence grew.

# %%
slowest = max((one for one in decisions if one["label"] == "persistent"), key=lambda decision: decision["age"])
for row in [row for row in rows if int(row["track_id"]) == slowest["track_id"]][: slowest["age"]]:
    print(", ".join(f"{name} {row[name]}" for name in ("age", "is_hit", "status", "evidence")))
