"""What is painted on frames: boxes, marks, labels, the status bar."""
