"""The contracts that hold payment tokens and pay holders."""
