"""What the stand-ins speak through: HTTP, gRPC, a TCP proxy, and the faults that meet it."""
