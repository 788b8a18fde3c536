"""A PostgreSQL server of one's own, without root."""
