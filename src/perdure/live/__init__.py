"""The gate on a video file: detect, track, decide, draw, write."""
