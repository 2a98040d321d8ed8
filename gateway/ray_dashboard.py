"""Where Ray's own dashboard is, if this cluster has one."""

import logging

log = logging.getLogger(__name__)


def url() -> str:
    """Empty if there is none."""
    try:
        from ray._private.services import get_webui_url_from_internal_kv

        found = get_webui_url_from_internal_kv()
    except Exception as error:
        # Ray has no public way to ask; a link that is missing is no harm.
        log.info("Ray does not say where its dashboard is (%s)", type(error).__name__)
        return ""
    return f"http://{found.removeprefix('http://')}" if found else ""
