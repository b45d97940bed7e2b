"""What a client of the audio endpoints is told when it does not get what it asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streamkit.errors import ProtocolError

Message = dict[str, Any]

INVALID_REQUEST = "invalid_request_error"
SERVER_ERROR = "server_error"


class ApiError(ProtocolError):
    """A refusal or failure with everything that OpenAI's clients look at.

    Attributes:
        status: of the HTTP answer.
        param: the field that is wrong.
        code: for programs.
        kind: `INVALID_REQUEST`, or `SERVER_ERROR` when the client is not to blame.
        retry_after: seconds after which it is worth trying again; None: it is not said.
        hopeless: asking again at once, as the SDKs do after a 500, will not help.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = "invalid_value",
        kind: str = INVALID_REQUEST,
        retry_after: int | None = None,
        hopeless: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code
        self.kind = kind
        self.retry_after = retry_after
        self.hopeless = hopeless

    @property
    def body(self) -> Message:
        """The JSON of the answer, or of an event in a stream that has begun."""
        return {
            "error": {
                "message": str(self),
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        }

    @property
    def headers(self) -> dict[str, str]:
        """Of the answer: how to come in, and when to come again."""
        headers = {}
        if self.status == 408:
            # Nobody waits any longer for what has not come.
            headers["connection"] = "close"
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        if self.hopeless:
            headers["x-should-retry"] = "false"
        return headers


def missing(param: str, accepted: str) -> ApiError:
    """A field that is needed was not given."""
    return ApiError(
        f"{param} is missing; accepted: {accepted}", param=param, code="missing_required_parameter"
    )


def wrong(param: str, given: str, accepted: str) -> ApiError:
    """A field has a value that cannot be used; `given` is fit to be shown."""
    return ApiError(f"{param}={given} was given; accepted: {accepted}", param=param)


def choice(param: str, value: str, accepted: Iterable[str], shown: str) -> str:
    """The value itself, when it is one of those accepted.

    Raises:
        ApiError: it is not; `shown` is what the message says was given.
    """
    names = tuple(accepted)
    if value not in names:
        raise wrong(param, shown, ", ".join(names))
    return value
