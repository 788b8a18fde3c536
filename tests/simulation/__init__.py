"""Seeded histories of a faulty world against the real code and a real database; the rules of money must hold in all."""
