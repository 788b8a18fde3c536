"""The database of a history: its deployed shape, the old service's rows, its clock, and copies that are put back."""
