"""Streaming neural layers: state passed in and out, one code path for offline and frame-by-frame use."""
