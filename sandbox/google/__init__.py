"""Google's services on loopback, over the wire that their client libraries speak."""
