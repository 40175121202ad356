"""Extractors: crop sequence in, one feature vector per frame out."""
