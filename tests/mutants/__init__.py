"""Mutation testing: small changes to what moves money or decides, each of which some test must notice."""
