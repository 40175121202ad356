"""The streaming gate: models, slots and memories of tracks, decisions, drift, and the operating point of a site."""
