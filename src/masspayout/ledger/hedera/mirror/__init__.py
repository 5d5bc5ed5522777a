"""Mirror nodes: the network's history, over HTTP."""
