"""Tokens that every implementation of the wire format must agree on, in whatever language it is written."""
