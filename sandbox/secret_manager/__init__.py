"""Secret Manager on loopback."""
