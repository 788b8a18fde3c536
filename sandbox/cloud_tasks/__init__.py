"""Cloud Tasks on loopback."""
