"""The description of the REST addresses: /openapi.json, and Swagger UI at /docs with nothing from outside.

Swagger UI's two files come with the package fastapi-swagger; what starts it is a file of our own, since the
page's policy allows no script inside a page.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from .usage_examples import EXAMPLES

FILES = "/docs/files"
START = "/docs/start.js"

ABOUT = """What [callmeter](/) knows of spending, credit and budgets, and a way to tell it of calls.

Every number counts a call once, as the page and `callmeter report` do; null is *not known*. Costs are USD.
Writes need `Content-Type: application/json`. What is refused is answered with a sentence in `detail`.
Where a token is set, send `Authorization: Bearer …`."""

_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>callmeter: REST</title>
<link rel="icon" href="{FILES}/favicon-32x32.png">
<link rel="stylesheet" href="{FILES}/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="{FILES}/swagger-ui-bundle.js"></script>
<script src="{START}"></script>
</body>
</html>
"""

_SCRIPT = """"use strict";
if (matchMedia("(prefers-color-scheme: dark)").matches) {
  document.documentElement.classList.add("dark-mode");
}
SwaggerUIBundle({
  dom_id: "#docs",
  url: "/openapi.json",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  presets: [SwaggerUIBundle.presets.apis],
});
"""


def described(api: FastAPI) -> dict[str, Any]:
    """The description, with an example of each answer; the framework's own way would leave nulls out."""
    document = api.openapi()
    for path, example in EXAMPLES.items():
        for operation in document["paths"][path].values():
            operation["responses"]["200"]["content"]["application/json"]["example"] = example
    return document


def add_docs(api: FastAPI) -> None:
    """Serve the description and the page that shows it."""
    static = StaticFiles(directory=str(resources.files("fastapi_swagger") / "resources"))

    def description() -> dict[str, Any]:
        return described(api)

    def page() -> Response:
        return HTMLResponse(_PAGE)

    def start() -> Response:
        return Response(_SCRIPT, media_type="text/javascript")

    api.add_api_route("/openapi.json", description, include_in_schema=False)
    api.add_api_route("/docs", page, include_in_schema=False)
    api.add_api_route(START, start, include_in_schema=False)
    api.mount(FILES, static)
