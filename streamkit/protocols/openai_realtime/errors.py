"""What is wrong with a client's event, in the terms of OpenAI's `error` event."""

from __future__ import annotations

from streamkit.errors import ProtocolError

INVALID_REQUEST = "invalid_request_error"


class EventError(ProtocolError):
    """An event cannot be carried out as it is; the session lives on.

    Attributes:
        code: for programs, as OpenAI's: `invalid_json`, `invalid_type`, `invalid_value`,
            `missing_required_parameter`, `unknown_parameter`, `unsupported_parameter`, or one that
            names a limit (`integer_above_max_value`, `string_above_max_length`, …).
        param: path of the field that is wrong, like "item.content[0].text"; None: the whole event.
        event_id: of the client's event; None: it has none, or it cannot be read.
        type: OpenAI's class of error.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        param: str | None = None,
        event_id: str | None = None,
        type: str = INVALID_REQUEST,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.event_id = event_id
        self.type = type

    def caused_by(self, event_id: str | None) -> EventError:
        """The same error, told to be that of an event."""
        return EventError(
            str(self), code=self.code, param=self.param, event_id=event_id, type=self.type
        )
