"""The page and the server that brings it to the browser."""
