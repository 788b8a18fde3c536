"""What speaks to the outside, one file for each thing there; errors translated once."""
