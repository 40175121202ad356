"""Tables of tracks: made from labelled sequences, described, stored, and split into train and test."""
