"""Tracks from detections, crops around tracks, and the truth of tracks."""
