"""From what a client asks for to the options of a caption session."""

from __future__ import annotations

from streamkit.asr.recognizer import Guidance
from streamkit.audio.clock import seconds
from streamkit.protocols import deepgram
from streamkit.server.state import ServerState
from streamkit.session.captions import CaptionOptions
from streamkit.vad.segmenter import SegmenterOptions
from streamkit.vad.silero import WINDOW_SAMPLES

TAIL_WINDOWS = 6
"""192 ms after the last loud window: soft endings of words, and the moment to decode ahead."""

RELEASE_RATIO = 0.7
"""Speech lasts until its probability falls below this part of the threshold."""


def caption_options(options: deepgram.ListenOptions, state: ServerState) -> CaptionOptions:
    """What the client asked for, in the session's terms, filled in from the settings."""
    settings = state.settings
    endpointing = options.endpointing or settings.endpointing
    pause_windows = _whole_windows(min(settings.endpointing, endpointing))
    return CaptionOptions(
        interim_results=options.interim_results,
        endpointing=_whole_windows(endpointing) * WINDOW_SAMPLES if options.endpoints else None,
        utterance_end=None if options.utterance_end is None else seconds(options.utterance_end),
        vad_events=options.vad_events,
        partial_interval=seconds(settings.partial_interval),
        policy=state.profile.commit_policy(options.task),
        trim=seconds(state.profile.trim),
        context_words=state.profile.context_words,
        segmenter=SegmenterOptions(
            threshold=settings.vad_threshold,
            release=settings.vad_threshold * RELEASE_RATIO,
            tail=min(TAIL_WINDOWS, pause_windows) * WINDOW_SAMPLES,
            pause=pause_windows * WINDOW_SAMPLES,
        ),
    )


def conversation_options(state: ServerState) -> CaptionOptions:
    """How captions are made for a conversation, which decides itself when somebody has finished."""
    return caption_options(deepgram.ListenOptions(interim_results=True, vad_events=True), state)


def _whole_windows(silence: float) -> int:
    """Windows of the detector in so many seconds of silence.

    Rounded down: the detector notices the end of a word a window or so after it, so the silence
    has lasted as long as was asked for (`streamkit bench captions` measures it).
    """
    return max(1, seconds(silence) // WINDOW_SAMPLES)


def recognition_guidance(options: deepgram.ListenOptions) -> Guidance:
    """What the client knows about the speech."""
    return Guidance(options.language, options.task, options.keyterms, options.prompt)
