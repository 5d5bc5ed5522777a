"""Keys that sign transactions, wherever they are kept."""
