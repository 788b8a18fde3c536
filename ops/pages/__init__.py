"""Pages for whoever would rather look than type: served on this machine, or as one file to pass on. They only read."""
