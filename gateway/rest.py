"""What the REST addresses of the API have in common: errors in the shape that OpenAI's clients read, with a fitting status."""

import math
from http import HTTPStatus

from starlette.responses import JSONResponse

from gateway.counting import refused
from pipeline.errors import ClientError, Fault, ParleyError

_STATUS = {
    "key_missing": HTTPStatus.UNAUTHORIZED,
    "key_invalid": HTTPStatus.UNAUTHORIZED,
    "origin_forbidden": HTTPStatus.FORBIDDEN,
    "operator_needed": HTTPStatus.FORBIDDEN,
    "upload_too_slow": HTTPStatus.REQUEST_TIMEOUT,
    "rate_limit_exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "file_too_big": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "audio_too_long": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "model_not_found": HTTPStatus.NOT_FOUND,
    "not_implemented": HTTPStatus.NOT_IMPLEMENTED,
    "server_busy": HTTPStatus.SERVICE_UNAVAILABLE,
}
_STATUS_BY_FAULT = {
    Fault.CLIENT: HTTPStatus.BAD_REQUEST,
    Fault.PROVIDER: HTTPStatus.BAD_GATEWAY,
    Fault.SERVER: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_TYPES = {
    Fault.CLIENT: "invalid_request_error",
    Fault.PROVIDER: "provider_error",
    Fault.SERVER: "server_error",
}


def refusal(error: ParleyError) -> JSONResponse:
    """The answer to a request that failed."""
    refused(error)
    param = error.param if isinstance(error, ClientError) else None
    status = _STATUS.get(error.code, _STATUS_BY_FAULT[error.fault])
    headers = {} if error.retry_after_s is None else {"Retry-After": str(math.ceil(error.retry_after_s))}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = {"message": error.message, "type": _TYPES[error.fault], "param": param, "code": error.code}
    return JSONResponse({"error": body}, status, headers)
