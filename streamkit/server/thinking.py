"""The words of one reply: the model is asked, and each of its tokens is passed on as it comes.

How long the model may be silent is for the session to say, which has the clock.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from streamkit.errors import ReplyError
from streamkit.llm.chat_model import ChatModel, ReplyRequest
from streamkit.session.conversation_events import ReplyFailed, TokenArrived

logger = logging.getLogger("streamkit.realtime")


async def think(
    model: ChatModel,
    request: ReplyRequest,
    generation: int,
    *,
    post: Callable[[TokenArrived | ReplyFailed], None],
    room: Callable[[], Awaitable[None]],
) -> None:
    """Let the model reply; ends with its last token, or with one `ReplyFailed`.

    Args:
        model: who replies.
        request: what to.
        generation: of the reply.
        post: takes the tokens.
        room: waits until the client has taken what was said before.
    """
    try:
        async with model.reply(request) as deltas:
            async for delta in deltas:
                post(TokenArrived(generation, delta))
                await room()
    except ReplyError as error:
        post(ReplyFailed(generation, str(error)))
    except Exception as error:
        # The words of a mistake may be those of the conversation.
        kind = type(error).__name__
        logger.error("the model of the reply failed with %s", kind)
        post(ReplyFailed(generation, f"the model of the reply failed with {kind}"))
