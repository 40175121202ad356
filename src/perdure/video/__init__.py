"""Reading, writing and drawing on video; a built-in motion detector; detection files."""
