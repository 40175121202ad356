"""Labelled streams: clips made in parallel and read at random, MOT folders, synthetic detections."""
