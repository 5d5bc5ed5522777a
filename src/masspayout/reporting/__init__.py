"""Reporting: what leaves the house on paper and in files."""
