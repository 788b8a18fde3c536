"""The faulty world that a history is played in: servers, peers, processes, and how each fails."""
