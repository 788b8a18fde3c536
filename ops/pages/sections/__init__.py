"""The sections of pages, each read by the statements and told in the words of the command line."""
