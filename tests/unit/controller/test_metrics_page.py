"""The page of metrics: what stands on it, who may read it, and what that costs."""

from __future__ import annotations

import asyncio
import gzip
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.datastructures import Headers
from websockets.http11 import Request

from nextmini.controller.actual import RowState
from nextmini.controller.exposition import CONTENT_TYPE, render
from nextmini.controller.flows import FlowProgress, Verdict
from nextmini.controller.metric_families import ControllerCounts, Snapshot, families
from nextmini.controller.metrics_page import MetricsPage, asked_by_loopback, metrics_url, takes_gzip
from nextmini.controller.server import DataplaneServer
from nextmini.protocol import Drops, FlowCounters, LinkCounters
from nextmini.scenario import loads, resolve

if TYPE_CHECKING:
    from nextmini.controller.metrics_page import Access
    from nextmini.controller.server import Handler

NETWORK = resolve(
    loads("""
[experiment]
name = "lab"
[topology]
kind = "line"
nodes = 3
[[flows]]
name = "first"
source = "n1"
destination = "n3"
size = "1 MB"
[[flows]]
name = "call"
kind = "udp"
source = "n3"
destination = "n1"
rate = "1 Mbit/s"
duration = "1 h"
""")
)
# A row of the database may have any name.
FIRST, CALL = replace(NETWORK.flows[0], name='a "quoted" \\ flow'), NETWORK.flows[1]
SNAPSHOT = Snapshot(
    experiment="lab",
    run="lab-1",
    nodes={node.id: node for node in NETWORK.nodes},
    links={link.id: link for link in NETWORK.links},
    routes=(4, 5),
    flows={1: FIRST, 2: CALL},
    states={
        ("node", 1): RowState("up"),
        ("node", 2): RowState("failed", "it panicked"),
        ("link", 1): RowState("up"),
        ("link", 2): RowState("down", "cut"),
        ("route", 4): RowState("installed"),
    },
    progress={
        1: FlowProgress(FIRST, verdict=Verdict("completed"), acknowledged=900),
        2: FlowProgress(CALL, acknowledged=50),
    },
    link_counters={(1, 1): LinkCounters(1, 1, 1000, 10, 64, Drops(loss=3, queue=2), 15, 1, 2)},
    flow_counters={
        1: FlowCounters(1, 1000, 900, 7, 2500, 65536, 3, 9000),
        2: FlowCounters(2, 60, 50, 0, 0, 0),
    },
    controller=ControllerCounts(2, 3, 40, 50, 6, 7, 8, 9, 10),
)


def read(page: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and labels, none of which is there twice."""
    found = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            assert (family.type == "counter") == sample.name.endswith("_total")
            key = (sample.name.removeprefix("nextmini_"), tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


def value(samples: dict[tuple[str, tuple[tuple[str, str], ...]], float], name: str, **labels: str) -> float:
    return samples[name, tuple(sorted((key.rstrip("_"), text) for key, text in labels.items()))]


def test_everything_that_is_known_is_on_the_page() -> None:
    found = read(render(families(SNAPSHOT)))
    assert value(found, "experiment_info", experiment="lab", run="lab-1") == 1
    states = {key: number for key, number in found.items() if key[0] in ("nodes", "links", "routes", "flows")}
    assert {(name, labels[0][1]): number for (name, labels), number in states.items() if number} == {
        ("nodes", "up"): 1,
        ("nodes", "failed"): 1,
        ("nodes", "pending"): 1,
        ("links", "up"): 1,
        ("links", "down"): 1,
        ("routes", "installed"): 1,
        ("routes", "pending"): 1,
        ("flows", "running"): 1,
        ("flows", "completed"): 1,
    }
    assert [value(found, "node_up", node=name) for name in ("n1", "n2", "n3")] == [1, 0, 0]
    assert [value(found, "link_up", a=a, b=b) for a, b in (("n1", "n2"), ("n2", "n3"))] == [1, 0]
    there = {"from_": "n1", "to": "n2"}
    assert value(found, "link_sent_bytes_total", **there) == 1000
    assert value(found, "link_sent_packets_total", **there) == 10
    assert value(found, "link_entered_packets_total", **there) == 15
    assert value(found, "link_marked_packets_total", **there) == 1
    assert value(found, "link_duplicated_packets_total", **there) == 2
    assert value(found, "link_queue_bytes", **there) == 64
    assert value(found, "link_sent_bytes_total", from_="n3", to="n2") == 0
    drops = {dict(labels)["cause"]: number for (name, labels), number in found.items() if "link_drop" in name}
    assert drops == {"queue": 2, "loss": 3}
    assert value(found, "dropped_packets_total", cause="loss") == 3
    assert value(found, "dropped_packets_total", cause="ttl") == 0
    quoted = {"flow": 'a "quoted" \\ flow', "source": "n1", "destination": "n3", "kind": "lossless"}
    assert value(found, "flow_running", **quoted) == 0
    assert value(found, "flow_delivered_bytes_total", **quoted) == 900
    assert value(found, "flow_sent_bytes_total", **quoted) == 1000
    assert value(found, "flow_retransmissions_total", **quoted) == 7
    assert value(found, "flow_srtt_seconds", **quoted) == 0.0025
    assert value(found, "flow_window_bytes", **quoted) == 65536
    assert value(found, "flow_timeouts_total", **quoted) == 3
    assert value(found, "flow_congestion_window_bytes", **quoted) == 9000
    own = {name: number for (name, labels), number in found.items() if not labels}
    assert own == {
        "processes": 3,
        "processes_connected": 2,
        "controller_states_written_total": 40,
        "controller_samples_written_total": 50,
        "controller_samples_lost_total": 6,
        "controller_samples_waiting": 7,
        "controller_reconcile_rounds_total": 8,
        "controller_messages_sent_total": 9,
        "controller_sent_bytes_total": 10,
    }


def test_every_metric_is_explained() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "observing.md").read_text(encoding="utf-8")
    assert [family.name for family in families(SNAPSHOT) if f"`{family.name}`" not in guide] == []


def test_a_flow_of_packets_has_no_window() -> None:
    names = Counter(name for name, labels in read(render(families(SNAPSHOT))) if ("flow", "call") in labels)
    assert names.keys() == {"flow_running", "flow_delivered_bytes_total", "flow_sent_bytes_total"}


def test_a_flow_without_a_congestion_window_shows_none() -> None:
    counted = replace(SNAPSHOT, flow_counters={1: FlowCounters(1, 1000, 900, 7, 2500, 65536)})
    assert "congestion_window_bytes{" not in render(families(counted)).decode()


def test_a_flow_that_was_removed_and_a_link_that_is_gone_are_on_it_no_more() -> None:
    gone = replace(SNAPSHOT, flows={2: CALL}, links={2: NETWORK.links[1]})
    text = render(families(gone)).decode()
    assert "quoted" not in text
    assert 'from="n1"' not in text
    assert 'flow="call"' in text


@dataclass
class Looks:
    """What a page is made of, and how often somebody looked."""

    times: int = 0
    snapshot: Snapshot = field(default=SNAPSHOT)

    def __call__(self) -> Snapshot:
        self.times += 1
        return self.snapshot


def request(host: str | None, authorization: str | None) -> Request:
    headers = Headers()
    if host is not None:
        headers["Host"] = host
    if authorization is not None:
        headers["Authorization"] = authorization
    return Request("/metrics", headers)


@pytest.mark.parametrize(
    ("access", "host", "authorization", "status"),
    [
        ("open", "127.0.0.1:7700", None, 200),
        ("open", "localhost:7700", None, 200),
        ("open", "[::1]:7700", None, 200),
        ("open", "127.0.0.1:7700", "Bearer wrong", 200),
        ("open", "evil.example:7700", None, 401),
        ("open", "127.0.0.1.evil.example", None, 401),
        ("open", None, None, 401),
        ("open", "evil.example:7700", "Bearer secret", 200),
        ("token", "127.0.0.1:7700", None, 401),
        ("token", "lab.example:7700", "Bearer secret", 200),
        ("token", "lab.example:7700", "bearer secret", 401),
        ("token", "lab.example:7700", "Bearer secre", 401),
        ("token", "lab.example:7700", "Basic c2VjcmV0", 401),
    ],
)
@pytest.mark.asyncio
async def test_who_may_read_it(
    access: Access, host: str | None, authorization: str | None, status: int
) -> None:
    looks = Looks()
    response = await MetricsPage(looks, "secret").answer(request(host, authorization), access)
    assert response.status_code == status
    assert looks.times == (status == 200)
    assert ("WWW-Authenticate" in response.headers) == (status == 401)
    assert b"lab" not in response.body or status == 200


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        (["gzip"], True),
        (["deflate, GZIP;q=0.5", "br"], True),
        (["gzip;q=0"], False),
        (["deflate"], False),
        (["*"], False),
        ([], False),
    ],
)
@pytest.mark.asyncio
async def test_it_is_compressed_for_who_takes_that(accepted: list[str], taken: bool) -> None:
    asked = request("localhost", None)
    for text in accepted:
        asked.headers["Accept-Encoding"] = text
    response = await MetricsPage(Looks(), "secret").answer(asked, "open")
    plain = render(families(SNAPSHOT))
    assert (response.headers.get("Content-Encoding") == "gzip") == taken == takes_gzip(accepted)
    assert (gzip.decompress(response.body) if taken else response.body) == plain
    assert response.headers["Content-Length"] == str(len(response.body))


def test_odd_hosts_are_nobodys() -> None:
    for hosts in ([], ["127.0.0.1", "127.0.0.1"], [""], ["["], ["10.0.0.1"], ["localhost.example"]):
        assert not asked_by_loopback(hosts)


@pytest.mark.asyncio
async def test_who_asks_at_the_same_time_gets_the_same_page() -> None:
    looks = Looks()
    page = MetricsPage(looks, "secret")
    asked = request("localhost", None)
    answers = await asyncio.gather(*(page.answer(asked, "open") for _ in range(50)))
    assert {answer.body for answer in answers} == {render(families(SNAPSHOT))}
    assert looks.times == 1


@pytest.mark.asyncio
async def test_a_page_is_built_again_when_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextmini.controller.metrics_page.FRESH_SECONDS", 0.0)
    looks = Looks()
    page = MetricsPage(looks, "secret")
    await page.answer(request("localhost", None), "open")
    looks.snapshot = replace(SNAPSHOT, run="lab-2")
    assert b'run="lab-2"' in (await page.answer(request("localhost", None), "open")).body


@pytest.mark.asyncio
async def test_it_is_plain_http_at_the_port_of_the_dataplane() -> None:
    server = DataplaneServer(
        "127.0.0.1:0", "token", cast("Handler", None), metrics=MetricsPage(Looks(), "secret")
    )
    url = metrics_url(await server.start())
    assert url.startswith("http://127.0.0.1:")
    try:
        status, kind, body = await asyncio.to_thread(fetch, url)
        assert (status, kind) == (200, CONTENT_TYPE)
        assert read(body) == read(render(families(SNAPSHOT)))
        assert (await asyncio.to_thread(fetch, url.replace("/metrics", "/metric")))[0] == 404
        assert (await asyncio.to_thread(fetch, url.replace("/metrics", "/dataplane")))[0] == 401
    finally:
        await server.stop()


def fetch(url: str) -> tuple[int, str | None, bytes]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


def test_the_address_of_the_page_follows_from_that_for_processes() -> None:
    assert metrics_url("wss://[::1]:7700/dataplane") == "https://[::1]:7700/metrics"
