"""Reading and writing video; a built-in motion detector; detection files."""
