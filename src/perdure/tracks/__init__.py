"""Tables of tracks: a tracker over labelled streams, what is noted, stored, and split into train and test."""
