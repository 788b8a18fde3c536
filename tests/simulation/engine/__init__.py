"""How histories are played: turns, boundaries, campaigns, sweeps."""
