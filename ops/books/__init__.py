"""What became of every cent: receipts and digests, a client's statement, a month's close."""
