"""What is promised, tried on the real parts."""
