# %% [markdown]
# # First decisions
#
# Detections alone: a synthetic detector, the gate with the weights `detections`, and three in a row beside it. It takes
# a few seconds and needs neither a GPU nor a video.

# %%
import numpy as np

import perdure

# %% [markdown]
# ## A detector whose truth we know
#
# Twelve objects appear one after the other and stay; the detector finds each on nine of ten frames. Clutter: three
# false boxes a frame, one in three of which comes back at the same place on the next frame. Scores of objects are
# higher than those of clutter, but the two overlap.

# %%
rng = np.random.default_rng(4)
NUM_FRAMES, NUM_OBJECTS, WIDTH, HEIGHT = 240, 12, 1280, 720
births = np.arange(NUM_OBJECTS) * 18 + 5
places = rng.uniform((100, 60), (1100, 600), (NUM_OBJECTS, 2))
speeds = rng.uniform(-1.5, 1.5, (NUM_OBJECTS, 2))


def frames():
    """Yields boxes, scores and, for us alone, the object of each box (-1: clutter)."""
    lingering = np.zeros((0, 2))
    for index in range(NUM_FRAMES):
        there = np.flatnonzero((births <= index) & (rng.random(NUM_OBJECTS) < 0.9))
        centres = places[there] + speeds[there] * (index - births[there])[:, None]
        stay = lingering[rng.random(len(lingering)) < 0.35]
        lingering = np.concatenate([stay, rng.uniform((0, 0), (WIDTH, HEIGHT), (3, 2))])
        truth = np.concatenate([there, np.full(len(lingering), -1)])
        both = np.concatenate([centres, lingering]) + rng.normal(0, 1, (len(truth), 2))
        scores = rng.normal(np.where(truth < 0, 0.4, 0.65), 0.12)
        yield np.concatenate([both - 20, both + 20], axis=1), scores, truth


stream = list(frames())
print(f"{sum(len(boxes) for boxes, _, _ in stream)} detections on {NUM_FRAMES} frames, {NUM_OBJECTS} objects")

# %% [markdown]
# ## The gate
#
# One call a frame. `None` stands for the picture: these weights read boxes and scores alone. Every decision names the
# track, its age and the verdict; the track's box tells us here what it really was. Beside the gate we count three in a
# row on the same tracks.


# %%
def decide(gate):
    """Returns the ages at which gate and three in a row confirm tracks, and the object of each track."""
    owner, in_a_row, by_gate, by_three = {}, {}, {}, {}
    for boxes, scores, truth in stream:
        result = gate.update(None, perdure.Detections(xyxy_px=boxes, score=scores))
        for track in result.tracks:
            if track.age == 1:
                owner[track.track_id] = truth[np.abs(boxes - track.xyxy_px).sum(axis=1).argmin()]
            in_a_row[track.track_id] = in_a_row.get(track.track_id, 0) + 1 if track.is_hit else 0
            if in_a_row[track.track_id] == 3:
                by_three.setdefault(track.track_id, track.age)
        for decision in result.decisions:
            if decision.label == "persistent":
                by_gate.setdefault(decision.track_id, decision.age)
    return by_gate, by_three, owner


by_gate, by_three, owner = decide(perdure.load("detections", image_size=(WIDTH, HEIGHT)))

# %% [markdown]
# ## What came out
#
# A track of an object is *persistent*, any other *transient*. Confirmed objects, the mean age at which they were
# confirmed, and the clutter that was confirmed with them:


# %%
def say(name, confirmed):
    right = {owner[track_id] for track_id in confirmed if owner[track_id] >= 0}
    ages = [age for track_id, age in confirmed.items() if owner[track_id] >= 0]
    num_false = len(confirmed) - len(ages)
    print(f"{name}: {len(right)} of {NUM_OBJECTS} objects, mean age {np.mean(ages):.1f}, {num_false} false confirms")
    return len(right)


assert say("perdure", by_gate) >= 8
say("three in a row", by_three)

# %% [markdown]
# ## Stricter, or looser
#
# By default a gate is as strict on its stream as three in a row. `like` takes two, three or five in a row.

# %%
by_gate, _, owner = decide(perdure.load("detections", like="five in a row", image_size=(WIDTH, HEIGHT)))
say("perdure, like five in a row", by_gate)

# %% [markdown]
# ## What a high score is
#
# The weights read scores as ranks, and at first a stream does not know what a high score is. Earlier scores of the same
# detector, without any labels, tell it from its first frame on.

# %%
earlier = np.concatenate([scores for _, scores, _ in frames()])
by_gate, _, owner = decide(perdure.load("detections", image_size=(WIDTH, HEIGHT), known_scores=earlier))
say("perdure, scores known", by_gate)
