"""Demands: the rates of their pairs, the flows that come of them, and which of them cannot be."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from nextmini.errors import ScenarioError
from nextmini.scenario import Demand, Flow, Network, dump, load, loads, resolve
from nextmini.scenario.draws import Draws
from nextmini.scenario.expansion import demand_rates, demands
from nextmini.scenario.expansion.demand_flows import arrivals
from nextmini.scenario.expansion.demand_rates import gravity, gravity_by_source
from nextmini.scenario.flow_sizes import PUBLISHED

if TYPE_CHECKING:
    from pathlib import Path

STAR = {"kind": "star", "nodes": ["hub", "a", "b", "c"]}
GRAVITY = {"model": "gravity", "total": "12 Mbit/s", "nodes": ["a", "b", "c"], "duration": "2 s"}
WEB = {**GRAVITY, "sizes": "10 kB", "kind": "tcp"}


def text(*demands: dict[str, Any], **tables: Any) -> str:
    return json.dumps({"experiment": {"name": "x"}, "topology": STAR, "demands": list(demands), **tables})


def network(*demands: dict[str, Any], **tables: Any) -> Network:
    made = resolve(loads(text(*demands, **tables), "json"))
    assert resolve(loads(dump(made))) == made
    return made


def told(*demands: dict[str, Any], **tables: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(text(*demands, **tables), "json")
    return [f"{problem.key}: {problem.message}; {problem.remedy}" for problem in caught.value.problems]


def rates(made: Network) -> dict[str, int | None]:
    return {flow.name: flow.rate for flow in made.flows}


def test_gravity_shares_the_total_by_masses() -> None:
    masses = {1: 3.0, 2: 1.0, 3: 1.0, 4: 0.0}
    shared = gravity(140.0, masses)
    assert sum(shared.values()) == pytest.approx(140)
    # Products: 3 for pairs with node 1, in both directions, 1 for those of 2 and 3; their sum is 14.
    assert shared[1, 2] == shared[3, 1] == pytest.approx(30)
    assert shared[2, 3] == pytest.approx(10)
    assert shared[1, 4] == 0
    each = gravity_by_source(100.0, masses)
    assert each[1, 2] == each[1, 3] == pytest.approx(50)
    assert each[2, 1] == pytest.approx(75)
    assert sum(rate for (source, _), rate in each.items() if source == 3) == pytest.approx(100)
    assert not any(source == 4 for source, _ in each)
    assert gravity(1.0, {1: 5.0}) == gravity_by_source(1.0, {1: 5.0}) == {}


def test_constant_flows_one_for_each_pair() -> None:
    made = network({**GRAVITY, "kind": "udp", "masses": {"a": 2}, "start": "1 s"})
    # Products: 2 four times, 1 twice.
    assert rates(made) == {
        **{f"demand1-{pair}": 2_400_000 for pair in ("a-b-1", "a-c-2", "b-a-3", "c-a-5")},
        **{f"demand1-{pair}": 1_200_000 for pair in ("b-c-4", "c-b-6")},
    }
    assert made.flows[0] == Flow(
        *(1, "demand1-a-b-1", 2, 3, "udp", "normal", None, 2.0, 2_400_000, 1, 1.0),
        packet_size=1472,
    )
    assert made.demands == (Demand(1, "demand1", 1.0, 2.0, (1, 2, 3, 4, 5, 6)),)


def test_models_have_all_nodes_or_all_hosts() -> None:
    one = {"model": "uniform", "total": "12 Mbit/s", "duration": "1 s", "scale": 0.5}
    assert set(rates(network(one)).values()) == {500_000}
    spine = {"kind": "leaf_spine", "leaves": 2, "spines": 1, "hosts": 2}
    made = network(one, topology=spine)
    assert len(made.flows) == 12
    hosts = {made.node(flow.source).name for flow in made.flows}
    assert len(hosts) == 4


def test_load_is_what_each_node_sends() -> None:
    made = network({"model": "uniform", "load": "30 %", "capacity": "10 Mbit/s", "duration": "1 s"})
    assert set(rates(made).values()) == {1_000_000}
    sent = Counter[int]()
    masses = {"model": "gravity", "masses": {"hub": 7, "a": 2}, "load": "30 %", "capacity": "10 Mbit/s"}
    for flow in network({**masses, "duration": "1 s"}).flows:
        sent[flow.source] += flow.rate or 0
    assert all(abs(rate - 3_000_000) <= 2 for rate in sent.values())


def test_without_a_duration_it_lasts_as_long_as_the_experiment() -> None:
    constant = {**GRAVITY, "start": "1 s"}
    del constant["duration"]
    made = network(constant, {**constant, "sizes": "10 kB"}, experiment={"name": "x", "duration": "4 s"})
    assert made.flows[0].duration is None
    assert [demand.duration for demand in made.demands] == [3.0, 3.0]
    starts = [made.flows[id - 1].start for id in made.demands[1].flows]
    assert starts == sorted(starts)
    assert 1 <= starts[0] < 1.1
    assert 3.9 < starts[-1] < 4


def test_what_arrives_is_a_poisson_process_for_each_pair() -> None:
    shares = {(1, 2): 6e6, (2, 1): 3e6, (1, 3): 1e6}
    sizes = PUBLISHED["web-search"]
    duration = 20_000.0
    found = list(arrivals(shares, sizes, duration, Draws(1, "test")))
    expected = sum(shares.values()) * duration / (8 * sizes.mean)
    assert abs(len(found) - expected) < 4 * math.sqrt(expected)
    for pair, rate in shares.items():
        times = [one.at for one in found if one.pair == pair]
        wanted = expected * rate / 1e7
        assert abs(len(times) - wanted) < 4 * math.sqrt(wanted)
        # Numbers of arrivals in equal spans have their mean for a variance.
        spans = Counter(int(at / duration * 500) for at in times)
        mean = len(times) / 500
        variance = sum((spans[span] - mean) ** 2 for span in range(500)) / 499
        assert 0.75 < variance / mean < 1.25
    # The standard deviation of a size is about twice the mean.
    mean_size = sum(one.size for one in found) / len(found)
    assert abs(mean_size / sizes.mean - 1) < 4 * 2 / math.sqrt(len(found))
    assert all(0 <= one.at < duration for one in found)


def test_the_same_seed_brings_the_same_traffic() -> None:
    first, again = network(WEB), network(WEB)
    assert first == again
    other = network(WEB, experiment={"name": "x", "seed": 2})
    assert [flow.start for flow in other.flows] != [flow.start for flow in first.flows]
    # A demand's traffic is a matter of its name, not of those before it.
    later = network({**GRAVITY, "name": "first"}, {**WEB, "name": "demand1"})
    ours = [later.flows[id - 1] for id in later.demands[1].flows]
    assert [(flow.name, flow.start) for flow in ours] == [(flow.name, flow.start) for flow in first.flows]
    # 12 Mbit/s for 2 s are 300 times 10 kB.
    assert abs(len(first.flows) - 300) < 70
    assert {(flow.size, flow.duration, flow.rate, flow.congestion) for flow in first.flows} == {
        (10_000, None, None, "cubic")
    }
    assert all(flow.name.endswith(f"-{place}") for place, flow in enumerate(first.flows, 1))


def test_flows_can_be_listed() -> None:
    flows = [
        {"name": "one", "source": "a", "destination": "b", "size": "1 MB", "demand": "mine"},
        {"name": "two", "source": "a", "destination": "b", "size": "1 MB"},
        {"name": "all", "between": "all_pairs", "size": "1 kB", "demand": "mine"},
    ]
    made = network({"model": "listed", "name": "mine"}, {**GRAVITY, "nodes": ["a", "b"]}, flows=flows)
    assert made.demands[0] == Demand(1, "mine", 0.0, None, (1, *range(3, 15)))
    assert made.demands[1].flows == (15, 16)


def test_a_matrix_is_found_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("source,destination,rate\na,b,5 Mbit/s\nb,c,1000\nhub,a,0\n")
    (tmp_path / "x.json").write_text(text({"matrix": "m.csv", "duration": "1 s", "scale": 2}))
    made = resolve(load(tmp_path / "x.json"))
    assert rates(made) == {"demand1-a-b-1": 10_000_000, "demand1-b-c-2": 2000}
    (tmp_path / "x.json").write_text(text({"matrix": "m.csv", "duration": "1 s", "nodes": ["a", "b"]}))
    assert rates(resolve(load(tmp_path / "x.json"))) == {"demand1-a-b-1": 5_000_000}


def test_a_matrix_of_another_network_is_refused_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(",a,bb\n\na,0,5\nbb,1,0\n")
    (tmp_path / "x.json").write_text(text({"matrix": "m.csv", "duration": "1 s"}))
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path / "x.json")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key) == (str(tmp_path / "m.csv"), 4, "demands[0].matrix")
    assert problem.message == 'there is no node "bb"'
    (tmp_path / "m.csv").write_text(",a,b\na,0,5\nb,1,0\n")
    (tmp_path / "x.json").write_text(text({"matrix": "m.csv", "duration": "1 s", "nodes": ["a", "c"]}))
    with pytest.raises(ScenarioError, match='the matrix says nothing of "c"'):
        load(tmp_path / "x.json")
    (tmp_path / "m.csv").write_text(",a,b\na,0,0\nb,0.0,0\n")
    (tmp_path / "x.json").write_text(text({"matrix": "m.csv", "duration": "1 s"}))
    with pytest.raises(ScenarioError, match=r"demands\[0\]: there is nothing to send"):
        load(tmp_path / "x.json")


UNIFORM = {"model": "uniform", "total": "1 Mbit/s", "duration": "1 s"}


@pytest.mark.parametrize(
    ("demand", "message"),
    [
        ({"duration": "1 s"}, "demands[0]: this demand has neither a matrix nor a model; write matrix"),
        ({**UNIFORM, "model": "gravitas"}, 'demands[0].model: "gravitas" is not possible; did you mean'),
        ({**UNIFORM, "masses": {"a": 1}}, 'demands[0].masses: does not go with model = "uniform"'),
        ({**UNIFORM, "load": "3 %"}, "demands[0].load: does not go with `total`"),
        ({**UNIFORM, "capacity": "1 Mbit/s"}, "demands[0].capacity: goes with `load` only"),
        ({"model": "uniform", "duration": "1 s"}, "demands[0]: nothing says how much is sent; write total"),
        (
            {"model": "uniform", "load": "3 %", "duration": "1 s"},
            "demands[0].capacity: is missing beside `load`; write what it is a share of",
        ),
        ({**GRAVITY, "masses": {"z": 1}}, 'demands[0].masses.z: there is no node "z"'),
        ({**GRAVITY, "masses": {"hub": 1}}, 'demands[0].masses.hub: "hub" is not one of the nodes of this'),
        ({**GRAVITY, "masses": {"a": -1}}, 'demands[0].masses: -1 cannot be the mass of "a"'),
        ({**GRAVITY, "masses": {}}, "demands[0].masses: expected masses of nodes, got {}"),
        ({**GRAVITY, "masses": {"a": 0, "b": 0}}, "demands[0]: there is nothing to send"),
        ({**GRAVITY, "nodes": ["a"]}, "demands[0]: there is nothing to send"),
        ({**GRAVITY, "nodes": ["a", "z"]}, 'demands[0].nodes[1]: there is no node "z"'),
        ({**GRAVITY, "scale": 0}, "demands[0].scale: 0 is too small; write more than 0"),
        ({**GRAVITY, "scale": 1e-8}, "demands[0]: every pair has less than 1 bit/s"),
        ({**GRAVITY, "rate": "1 Mbit/s"}, "demands[0].rate: goes with `sizes` only"),
        ({**GRAVITY, "congestion": "reno"}, 'demands[0].congestion: does not go with kind = "lossless"'),
        ({**WEB, "kind": "udp"}, "demands[0].rate: is missing: udp flows send at a rate"),
        ({**WEB, "sizes": "10"}, 'demands[0].sizes: "10" has no unit'),
        ({**WEB, "sizes": 10}, "demands[0].sizes: expected sizes as text, got 10"),
        ({**WEB, "sizes": "web-serch"}, "demands[0].sizes: there is no file web-serch; name a file"),
        ({**WEB, "duration": "1 us"}, "demands[0]: no flow arrives within 1 us: 0.00015 are to be expected"),
        ({**WEB, "most": 200}, "demands[0]: it would be about 300 flows, and `most` is 200; write a shorter"),
        ({**GRAVITY, "most": 5}, "demands[0]: it would be 6 flows, and `most` is 5; name fewer nodes, or"),
        ({**GRAVITY, "matrix": "none.csv"}, "demands[0].matrix: there is no file none.csv"),
        ({"model": "listed", "name": "x"}, 'demands[0]: no flow is part of it; write demand = "x"'),
        ({"model": "listed", "sizes": "1 kB"}, 'demands[0].sizes: does not go with model = "listed"'),
        ({**GRAVITY, "name": "n" * 60}, "demands[0].name: its flow "),
        ({**GRAVITY, "name": "-"}, 'demands[0].name: "-" cannot be the name of a demand'),
        (
            {"model": "uniform", "total": "1 Mbit/s"},
            "demands[0]: this demand would never end; write duration",
        ),
    ],
)
def test_what_cannot_be_is_refused(demand: dict[str, Any], message: str) -> None:
    (only,) = told(demand)
    assert only.startswith(message)


def test_a_matrix_and_a_model_do_not_go_together(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(",a,b\na,0,5\nb,1,0\n")
    (tmp_path / "x.json").write_text(text({**UNIFORM, "matrix": "m.csv"}))
    with pytest.raises(ScenarioError, match=r"demands\[0\]\.model: does not go with `matrix`"):
        load(tmp_path / "x.json")


def test_what_is_wrong_with_the_rest_of_the_scenario_is_told_too() -> None:
    assert told(UNIFORM, {**UNIFORM, "name": "demand1"}) == [
        'demands[1].name: "demand1" is also the name of demands[0]; give each demand a name of its own'
    ]
    flow = {"name": "demand1-hub-a-1", "source": "a", "destination": "b", "size": "1 B"}
    assert told(UNIFORM, flows=[flow])[0].startswith("demands[0].name: its flow ")
    (named,) = told({"model": "listed"}, flows=[{**flow, "demand": "demand"}, {**flow, "name": "d"}])[1:]
    assert named.startswith('flows[0].demand: there is no demand "demand"; did you mean "demand1"? add it to')
    (made,) = told(UNIFORM, flows=[{**flow, "name": "x", "demand": "demand1"}])
    assert made.startswith('flows[0].demand: the demand "demand1" makes its flows by itself')
    (late,) = told({**UNIFORM, "start": "2 s"}, experiment={"name": "x", "duration": "2 s"})
    assert late.startswith("demands[0].start: 2 s is after the end of the experiment, 2 s")
    apart = {"kind": "custom", "nodes": ["a", "b", "c"]}
    (cut,) = told(UNIFORM, topology=apart, links=[{"ends": ["a", "b"]}])
    assert cut.startswith('demands[0].model: there is no path from "a" to "c"; add links')
    line = {"kind": "line", "nodes": 4}
    (far,) = told(UNIFORM, topology=line, network={"hop_limit": 2})
    assert far.startswith('demands[0].model: from "n1" to "n4" it is 3 links, and network.hop_limit is 2')


def test_findings_are_believed_only_where_enough_is_known() -> None:
    flow = {"source": "a", "destination": "b", "size": "1 B", "demand": "demand1"}
    assert [one.split(":")[0] for one in told({"model": "lister"}, flows=[flow])] == ["demands[0].model"]
    refused = told({"model": "listed"}, flows=[{**flow, "kind": "quick"}, {**flow, "between": "any"}])
    assert [one.split(":")[0] for one in refused] == ["flows[0].kind", "flows[1].between"]
    gone = told({"model": "uniform", "total": "1 Mbit/s"}, experiment={"name": "x", "duration": 5})
    assert [one.split(":")[0] for one in gone] == ["experiment.duration"]
    nodes = told(UNIFORM, nodes=[{"name": "a", "processors": 0}])
    assert [one.split(":")[0] for one in nodes] == ["nodes[0].processors"]


def test_too_many_flows_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demands, "MOST_FLOWS", 20)
    (many,) = told(UNIFORM, {**UNIFORM, "name": "more"})
    assert many == "demands[1]: with these 12 there are 24 flows; keep to 20 in all"
    monkeypatch.setattr(demand_rates, "MOST_FLOWS", 11)
    (pairs,) = told(UNIFORM)
    assert pairs == "demands[0].nodes: 4 nodes have 12 pairs; name fewer nodes, with at most 11 pairs"
