"""The verbs, one file each, registered in ops/command_line/table.py; each file names its click command ``command``."""
