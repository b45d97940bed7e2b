"""What load balancers and Prometheus ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus

import streamkit
from streamkit.audio.pcm import to_linear16
from streamkit.server.testing import LiveServer

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartServer = Callable[..., LiveServer]

BUS = "The bus to Berlin is eight minutes late."
RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}


def get(server: LiveServer, path: str) -> httpx.Response:
    return httpx.get(f"{server.http_url}{path}", trust_env=False)


def samples_of(server: LiveServer) -> dict[tuple[str, ...], float]:
    """Name and labels' values of each sample -> value."""
    response = get(server, "/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name.removeprefix("streamkit_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_healthz(server: LiveServer) -> None:
    response = get(server, "/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "version": streamkit.__version__}


def test_readyz_tells_the_model_and_how_full_it_is(start_server: StartServer) -> None:
    server = start_server(max_sessions=3)
    with server.listen(**RAW):
        assert get(server, "/readyz").json() == {
            "status": "ready",
            "model": "whisper-micro-en",
            "voice": "espeak",
            "sessions": 1,
            "max_sessions": 3,
        }


def test_health_needs_no_key(start_server: StartServer) -> None:
    server = start_server(api_keys=["secret"])
    assert [get(server, path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [
        200,
        200,
        200,
    ]


def test_another_path(server: LiveServer) -> None:
    assert get(server, "/no-such-path").status_code == 404


def test_metrics(start_server: StartServer, speak: Speak) -> None:
    server = start_server(max_sessions=1, idle_timeout=60)
    samples = speak(BUS)
    with server.listen(interim_results=True, **RAW) as client:
        open_now = samples_of(server)
        assert (open_now["sessions",], open_now["sessions_opened_total",]) == (1, 1)
        with pytest.raises(InvalidStatus), server.listen(**RAW):
            pass
        client.socket.send("rubbish")
        client.command("KeepAlive", streamkit={"captured_at": 1.0})
        client.send(to_linear16(samples))
        client.close_stream()
    server.wait_until_empty()
    found = samples_of(server)
    assert found["sessions",] == 0
    assert found["sessions_opened_total",] == 1
    assert found["sessions_refused_total", "full"] == 1
    assert found["sessions_closed_total", "1000"] == 1
    assert found["errors_total", "SchemaError"] == 1
    assert found["audio_seconds_total",] == pytest.approx(len(samples) / 16_000)
    assert found["words_total",] == len(BUS.split())
    assert found["decodes_waiting",] == 0
    assert found["decodes_total", "done"] >= 1
    assert found["decode_seconds_count", "final"] >= 1
    assert found["gate_total", "accepted"] == found["decodes_total", "done"]
    assert found["partial_stretch",] >= 1
    assert found["replaced_workers",] == 0
    spoken = sum(1 for m in client.of_type("Results") if m["channel"]["alternatives"][0]["words"])
    for stage in ("vad", "decode_start", "decode_end", "first_partial", "emit"):
        assert found["stage_seconds_count", stage] == spoken
        assert found["stage_seconds_bucket", "+Inf", stage] == spoken
    assert found["stage_seconds_count", "commit"] >= len(client.finals)
    assert found["stage_seconds_sum", "vad"] <= found["stage_seconds_sum", "emit"]


def test_refusals_are_counted_by_reason(start_server: StartServer) -> None:
    server = start_server(api_keys=["secret"])
    attempts: list[dict[str, Any]] = [
        {"key": "wrong", **RAW},
        {"key": "secret", "origin": "https://evil.example", **RAW},
        {"key": "secret", "encoding": "linear17"},
    ]
    for arguments in attempts:
        with pytest.raises(InvalidStatus), server.listen(**arguments):
            pass
    found = samples_of(server)
    reasons = {name[1]: value for name, value in found.items() if name[0].endswith("refused_total")}
    assert reasons == {"key": 1, "origin": 1, "query": 1}
