"""The dashboard asks for what the server has, and Grafana can read it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus

from streamkit.audio.pcm import to_linear16
from streamkit.server.testing import LiveServer
from streamkit.server.testing_realtime import RealtimeClient

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartTalk = Callable[..., LiveServer]

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "streamkit.json"
KEY = "a-key"
ADDED = {"instance", "job"}
"""Labels that Prometheus adds when it asks."""

SELECTOR = re.compile(r"\b((?:streamkit|process)_\w+)(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\bby \(([^)]*)\)")
LABEL = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    return read


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(dashboard: dict[str, Any]) -> list[str]:
    asked = [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]
    return [*asked, *(each["definition"] for each in variables(dashboard, "query"))]


def variables(dashboard: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    return (each for each in dashboard["templating"]["list"] if each["type"] == kind)


@pytest.fixture
def exposition(start_talk: StartTalk, speak: Speak) -> dict[str, dict[str, set[str]]]:
    """Name of a sample -> label -> its values, after something of everything has happened."""
    server = start_talk(api_keys=[KEY])
    speech = to_linear16(speak("Turn the music down."))
    with pytest.raises(InvalidStatus), server.listen(encoding="linear16", sample_rate=16000):
        pass
    with server.listen(
        key=KEY, encoding="linear16", sample_rate=16000, interim_results=True
    ) as listener:
        listener.command("Nonsense")
        listener.command("KeepAlive", streamkit={"captured_at": 1.0})
        listener.send(speech)
        listener.close_stream()
    with RealtimeClient(server, key=KEY) as client:
        client.append(to_linear16(speak("Turn the music down.", 24_000)))
        client.append(bytes(48_000))
        client.until("response.output_audio.delta")
        client.command("response.cancel")
        client.until("response.done")
    server.wait_until_empty()
    headers = {"Authorization": f"Bearer {KEY}"}
    httpx.get(f"{server.http_url}/v1/models", headers=headers, trust_env=False)
    # The bundled model gives no doubtful answer to this.
    server.server.state.metrics.doubts.labels("loop")
    text = httpx.get(f"{server.http_url}/metrics", trust_env=False).text
    known: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = known.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return known


def test_every_query_is_about_something_that_is_there(
    dashboard: dict[str, Any], exposition: dict[str, dict[str, set[str]]]
) -> None:
    asked = queries(dashboard)
    assert len(asked) > 30
    for query in asked:
        found = SELECTOR.findall(query)
        assert found, query
        for name, selector in found:
            assert name in exposition, query
            for label, value in LABEL.findall(selector):
                if label in ADDED:
                    continue
                assert label in exposition[name], query
                wanted = {each for each in value.split("|") if each != "played"}
                assert wanted <= exposition[name][label], query
        labels = {label for name, _ in found for label in exposition[name]}
        grouped = {each.strip() for group in GROUPING.findall(query) for each in group.split(",")}
        assert grouped - ADDED <= labels, query


def test_every_metric_of_ours_is_on_it(
    dashboard: dict[str, Any], exposition: dict[str, dict[str, set[str]]]
) -> None:
    """But for those of files and finished speech, which nobody waits for live."""
    asked = {name for query in queries(dashboard) for name, _ in SELECTOR.findall(query)}
    families = {re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name in exposition}
    shown = {re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name in asked}
    ours = {family for family in families if family.startswith("streamkit_")}
    assert ours - shown == {"streamkit_file_realtime_factor", "streamkit_spoken_seconds"}


def test_it_can_be_imported_for_any_data_source(dashboard: dict[str, Any]) -> None:
    assert dashboard["id"] is None
    assert dashboard["schemaVersion"] >= 36
    [source] = variables(dashboard, "datasource")
    assert source["query"] == "prometheus"
    used = {"type": "prometheus", "uid": f"${{{source['name']}}}"}
    for panel in panels(dashboard):
        assert panel["datasource"] == used
        assert all(target["datasource"] == used for target in panel["targets"])
    assert all(each["datasource"] == used for each in variables(dashboard, "query"))


def test_panels_have_names_explanations_and_a_place_of_their_own(
    dashboard: dict[str, Any],
) -> None:
    every = dashboard["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    assert all(panel["title"] and panel["description"] for panel in panels(dashboard))
    for panel in every:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    for one, other in combinations([panel["gridPos"] for panel in every], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    for panel in panels(dashboard):
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
