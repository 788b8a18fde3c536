"""How things stand and stood: the situation in plain words, the levers, the lives of batches and payments."""
