"""What a client got and why, to the last digit, in a file that can be checked by anybody without us."""
