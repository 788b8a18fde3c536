"""Which threshold would have been cheapest: payments that came in, replayed through the decision under other levers."""
