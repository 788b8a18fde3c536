"""Figures: what the records say over a period as a plot, its finding in one sentence, and its numbers."""
