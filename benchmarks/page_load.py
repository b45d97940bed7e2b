"""How soon the page can be used, how much it loads, and how soon captions are on the screen."""

from __future__ import annotations

import json
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

from streamkit_benchmarks.page_browser import Stage, begin, end, wait_for
from streamkit_benchmarks.page_judge import Arrival, Paint, match_captions, summary

Figures = dict[str, Any]

ANSWERS: Final = ("/v1/", "/healthz", "/readyz")
"""How paths begin at which the server answers the page, and which are no part of it."""

TIMES: Final = """() => {
  const [page] = performance.getEntriesByType('navigation');
  const first = performance.getEntriesByName('first-contentful-paint')[0];
  return { ...benchmarkReady, loaded: page.loadEventEnd, first: first?.startTime ?? null,
    files: performance.getEntriesByType('resource').length };
}"""

CAPTIONS: Final = """() => ({
  ...benchmarkCaptions,
  origin: performance.timeOrigin,
  offset: streamkit.trace.clock.offset * 1000,
  error: streamkit.trace.clock.error * 1000,
  shown: streamkit.trace.chunks.map(({ parts }) => parts.shown).filter((each) => each >= 0),
})"""


def interactive(stage: Stage, loads: int) -> Figures:
    """Load the page with a fresh browser each time; milliseconds since navigation start.

    `ready`: the main script has run. `usable`: what it says after a click on its start button,
    in the task after that, is painted.
    """
    found = []
    for number in range(loads):
        stage.tell(f"interactive: load {number + 1} of {loads}")
        with stage.open(stage.speech().pause(5.0), scripts=("page_ready.js",)) as page:
            page.goto(stage.url, wait_until="commit")
            wait_for(page, "() => benchmarkReady.painted", "it should be ready, and take a click")
            found.append(page.evaluate(TIMES))
    every = {
        name: [round(each[key], 1) for each in found if each[key] is not None]
        for name, key in (
            ("first_paint", "first"),
            ("ready", "ready"),
            ("usable", "painted"),
            ("loaded", "loaded"),
        )
    }
    return {
        "loads": loads,
        "files": max(each["files"] for each in found),
        **{
            name: {"median": median(values), "worst": max(values), "all": values}
            for name, values in every.items()
            if values
        },
    }


def transfer(stage: Stage) -> Figures:
    """Everything that the page loads while all of it is visited: bytes on the wire, with heads.

    They are read from the browser's own log of its network, which has the files of audio worklets
    too. What sockets carry is sound and words, and not counted.
    """
    stage.tell("transfer: visiting everything")
    log = stage.folder / "network.json"
    speech = stage.speech().pause(1.0).say().pause(30.0)
    with stage.open(speech, flags=(f"--log-net-log={log}",)) as page:
        page.goto(stage.url)
        begin(page, "captions")
        page.get_by_role("tab", name="Latency").click()
        page.get_by_role("region", name="Delay of a caption").wait_for()
        page.get_by_role("tab", name="Captions").click()
        end(page)
        begin(page, "talk")
        end(page)
        # Browsers without a window do not ask for the icon.
        icon = page.locator("link[rel=icon]").get_attribute("href")
        page.evaluate("async (address) => { await (await fetch(address)).text(); }", icon)
    files: dict[str, int] = {}
    answers, foreign = 0, []
    for address, size in read_net_log(json.loads(log.read_text("utf-8")), stage.url):
        path = urlsplit(address).path
        if not address.startswith(stage.url):
            foreign.append(address)
        elif path.startswith(ANSWERS):
            answers += size
        else:
            files[path] = files.get(path, 0) + size
    return {
        "bytes": sum(files.values()) + answers,
        "page_bytes": sum(files.values()),
        "answer_bytes": answers,
        "files": dict(sorted(files.items(), key=lambda each: -each[1])),
        "foreign": foreign,
    }


def read_net_log(log: Figures, url: str) -> list[tuple[str, int]]:
    """Addresses that a page asked for over HTTP, and the bytes that came from the network.

    Args:
        log: as Chromium's `--log-net-log` writes it.
        url: of the page; what the browser asks for by itself is left out.
    """
    types = {number: name for name, number in log["constants"]["logEventTypes"].items()}
    addresses: dict[int, str] = {}
    heads: dict[int, int] = {}
    bodies: dict[int, dict[str, int]] = {}
    ours: set[int] = set()
    for event in log["events"]:
        key, given = event["source"]["id"], event.get("params") or {}
        match types[event["type"]]:
            case "URL_REQUEST_START_JOB" if "url" in given:
                addresses[key] = given["url"]
                if given["url"] == url or given.get("initiator", "").rstrip("/") == url.rstrip("/"):
                    ours.add(key)
            case "HTTP_TRANSACTION_READ_RESPONSE_HEADERS":
                # What the browser had already is not read, or only its head.
                lines = given["headers"]
                heads[key] = heads.get(key, 0) + sum(len(line) + 2 for line in lines) + 2
            case "URL_REQUEST_JOB_BYTES_READ" | "URL_REQUEST_JOB_FILTERED_BYTES_READ" as name:
                counts = bodies.setdefault(key, {})
                counts[name] = counts.get(name, 0) + given["byte_count"]
    found = []
    for key, address in addresses.items():
        if key in ours and address.startswith("http") and key in heads:
            counts = bodies.get(key, {})
            plain = counts.get("URL_REQUEST_JOB_FILTERED_BYTES_READ", 0)
            found.append((address, heads[key] + counts.get("URL_REQUEST_JOB_BYTES_READ", plain)))
    return found


def captions(stage: Stage, seconds: float) -> Figures:
    """Words are spoken, and it is measured when they are on the screen.

    `arrival`: from the message to the frame with its words, painted; `next_frame`: to the
    beginning of the frame after, by which it surely has been; `sending`: from when the server
    sent it, by its own clock, which the page has compared with its own to within `clock_error`.
    """
    speech = stage.speech().pause(1.0)
    while speech.seconds < seconds:
        speech.say().pause(1.2)
    speech.pause(3.0)
    with stage.open(speech, scripts=("page_captions.js",), loop=False) as page:
        page.goto(stage.url)
        begin(page, "captions")
        stage.wait(page, speech.seconds, "captions")
        end(page)
        found = page.evaluate(CAPTIONS)
    zero = found["origin"] + found["offset"]
    arrivals = [
        Arrival(each["at"], each["text"], None if each["sent"] is None else each["sent"] - zero)
        for each in found["arrivals"]
    ]
    paints = [Paint(**each) for each in found["paints"]]
    shown = match_captions(arrivals, paints)
    done = [(arrival, paint) for arrival, paint in shown.pairs if paint.painted is not None]
    painted = [paint.painted - arrival.at for arrival, paint in done if paint.painted is not None]
    return {
        "messages": len(arrivals),
        "same": shown.same,
        "replaced": shown.replaced,
        "arrival": summary(painted),
        "next_frame": summary([p.frame - a.at for a, p in done if p.frame is not None]),
        "sending": summary(
            [p.painted - a.sent for a, p in done if a.sent is not None and p.painted is not None]
        ),
        "page_says": summary(found["shown"]),
        "clock_error": round(found["error"], 2),
        "values": [round(each, 2) for each in painted],
    }
