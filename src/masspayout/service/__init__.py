"""Service: who comes in, what others are told, and how everything stands."""
