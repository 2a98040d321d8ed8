"""The `parley` command: start, stop, inspect and call a server."""
