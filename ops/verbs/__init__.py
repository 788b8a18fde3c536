"""The verbs, one file each, listed in ops/command_line/verb_table.py; each names its click command ``command``."""
