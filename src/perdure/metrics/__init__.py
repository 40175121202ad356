"""Figures of merit as pure functions: from decisions, attention weights and images to rates with intervals."""
