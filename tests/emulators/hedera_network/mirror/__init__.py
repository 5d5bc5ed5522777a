"""The mirror node: it shows over HTTP what reached consensus, as late as it is told to be."""
