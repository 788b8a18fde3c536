"""What a history is: its vocabulary, how a seed makes one, how a shorter one is found."""
