"""The page on which the API is read and tried. All of it is served from here: a bank's network lets nothing else in."""

from importlib.resources import files

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

PATH = "/docs"
_ASSETS = f"{PATH}/assets"

# The page begins with a script of its own; Swagger UI draws with styles and pictures that it holds itself.
_OWN_ORIGIN_ONLY = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; frame-ancestors 'none'"
    )
}


def install(app: FastAPI, document_url: str) -> None:
    """Add the page to an application whose OpenAPI document is at a URL."""

    def show(request: Request) -> HTMLResponse:
        root = str(request.scope.get("root_path", "")).rstrip("/")
        page = get_swagger_ui_html(
            openapi_url=f"{root}{document_url}",
            title=f"{app.title} API",
            swagger_js_url=f"{root}{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_ASSETS}/favicon-32x32.png",
        )
        page.headers.update(_OWN_ORIGIN_ONLY)
        return page

    app.mount(_ASSETS, StaticFiles(directory=str(files("fastapi_swagger") / "resources")))
    app.add_route(PATH, show, include_in_schema=False)
