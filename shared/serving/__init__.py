"""How a function is served: what a stranger may send it and in what time, before anything of ours is touched."""
