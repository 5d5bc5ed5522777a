"""The HTTP edge: translates requests into calls of the business, and what comes of them into answers."""

from masspayout.api.app import PREFIX, create_app

__all__ = ["PREFIX", "create_app"]
