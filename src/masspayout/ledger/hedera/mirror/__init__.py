"""Mirror nodes: what the network has done, over HTTP."""
