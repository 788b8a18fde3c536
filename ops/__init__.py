"""The operators' command line: what is typed, or called by make, to run the service."""
