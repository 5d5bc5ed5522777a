"""Requests and responses as JSON. Entities are returned as they are: a model names the columns that are shown."""
