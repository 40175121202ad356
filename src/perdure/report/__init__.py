"""Figures, reports and explanations, made from stored results alone: nothing here computes a new rate."""
