"""The world around the two functions on a laptop: one module for each thing outside, all of it on loopback."""
