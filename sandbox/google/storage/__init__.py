"""Google Cloud Storage's objects on loopback."""
