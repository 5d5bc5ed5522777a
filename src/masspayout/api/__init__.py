"""The HTTP edge: translates requests into calls of the business, and what comes of them into answers."""

from masspayout.api.app import PREFIX, api_document, api_routes, create_app

__all__ = ["PREFIX", "api_document", "api_routes", "create_app"]
