"""Verbs that install and move in."""
