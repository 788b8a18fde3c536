"""The verbs that account for what was done, one file each."""
