"""The plan: what is told, and above all in which order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nextmini.controller.plan import Body, Held, Step, Targets, plan
from nextmini.controller.shaping import trace_records
from nextmini.protocol import ClassRecord, DirectionRecord, FlowRecord, LinkRecord, NodeRecord, RouteRecord

from .rows import trace

BOTH = frozenset({0, 1})
NODE = NodeRecord(1, "n1", "10.0.0.1", 1, "sequential", 64)
LINK = LinkRecord(1, 1, 2, "tcp", "cubic", 1.0, True, False, "127.0.0.1:1")
FLOW = FlowRecord(1, 1, 2, "lossless", 10, None, None, 1, 0.0)


def route(id: int, *path: int, weight: int = 1) -> RouteRecord:
    return RouteRecord(id, path, weight)


def held_after(targets: Targets, connected: frozenset[int] = BOTH) -> Held:
    held = Held()
    perform(plan(targets, held, connected), held)
    return held


def perform(steps: list[Step], held: Held) -> None:
    for step in steps:
        for process, body in step.items():
            held.tell(process, body)


def test_a_route_is_made_at_its_source_last_and_flows_come_with_it() -> None:
    targets = Targets(
        nodes={1: {0: NODE}},
        links={1: {0: LINK}},
        routes={7: dict.fromkeys((0, 1), route(7, 1, 2))},
        flows={1: {0: FLOW}},
        route_sources={7: 0},
    )
    assert plan(targets, Held(), BOTH) == [
        {0: Body(nodes=[NODE], links=[LINK]), 1: Body(routes=[route(7, 1, 2)])},
        {0: Body(routes=[route(7, 1, 2)], flows=[FLOW])},
    ]


def test_a_route_is_broken_at_its_source_first() -> None:
    held = held_after(
        Targets(
            nodes={1: {0: NODE}},
            links={1: {0: LINK}},
            routes={7: dict.fromkeys((0, 1), route(7, 1, 2))},
            flows={1: {0: FLOW}},
            route_sources={7: 0},
        )
    )
    gone = Targets(nodes={1: {}}, links={1: {}}, routes={7: {}}, flows={1: {}})
    steps = plan(gone, held, BOTH)
    assert steps == [
        {0: Body(remove_flows=[1], remove_routes=[7])},
        {0: Body(remove_nodes=[1], remove_links=[1]), 1: Body(remove_routes=[7])},
    ]
    perform(steps, held)
    assert plan(gone, held, BOTH) == []
    assert held.route_sources == {}


def test_a_new_path_is_in_use_before_the_old_one_goes() -> None:
    held = held_after(Targets(routes={7: dict.fromkeys((0, 1), route(7, 1, 2))}, route_sources={7: 0}))
    new = Targets(routes={8: dict.fromkeys((0, 2), route(8, 1, 3)), 7: {}}, route_sources={8: 0})
    assert plan(new, held, frozenset({0, 1, 2})) == [
        {2: Body(routes=[route(8, 1, 3)])},
        {0: Body(routes=[route(8, 1, 3)])},
        {0: Body(remove_routes=[7])},
        {1: Body(remove_routes=[7])},
    ]


def test_what_is_held_already_is_not_told_again() -> None:
    targets = Targets(nodes={1: {0: NODE}}, routes={7: {0: route(7, 1, 2)}}, route_sources={7: 0})
    assert plan(targets, held_after(targets), BOTH) == []


def test_a_process_that_is_not_connected_is_told_nothing() -> None:
    targets = Targets(nodes={1: {0: NODE}, 2: {1: NODE}})
    assert plan(targets, Held(), frozenset({1})) == [{1: Body(nodes=[NODE])}]


def test_a_process_that_came_back_is_told_everything_again_and_to_forget_the_rest() -> None:
    targets = Targets(nodes={1: {0: NODE}}, links={1: {0: LINK}}, flows={1: {0: FLOW}})
    held = held_after(targets)
    held.doubt(0)
    now = Targets(nodes={1: {0: NODE}}, links={1: {0: LINK}}, flows={1: {}})
    assert plan(now, held, BOTH) == [
        {0: Body(nodes=[NODE], links=[LINK])},
        {0: Body(remove_flows=[1])},
    ]


def test_another_link_under_the_same_number_replaces_the_old_one() -> None:
    held = held_after(Targets(links={1: {0: LINK}}))
    other = LinkRecord(1, 1, 3, "tcp", "cubic", 1.0, True, False, "127.0.0.1:1")
    assert plan(Targets(links={1: {0: other}}), held, BOTH) == [{0: Body(remove_links=[1], links=[other])}]
    moved = LinkRecord(1, 1, 2, "tcp", "cubic", 1.0, True, False, "127.0.0.1:2")
    assert plan(Targets(links={1: {0: moved}}), held, BOTH) == [{0: Body(links=[moved])}]


class TestClassesAndTraces:
    CLASSES = (ClassRecord(1, protocol=17, weight=3),)
    TRACED = replace(LINK, forward=DirectionRecord(trace=4))

    def test_classes_go_to_everybody_who_has_others(self) -> None:
        held = Held()
        told = plan(Targets(classes=self.CLASSES), held, BOTH)
        assert told == [{0: Body(classes=self.CLASSES), 1: Body(classes=self.CLASSES)}]
        perform(told, held)
        assert plan(Targets(classes=self.CLASSES), held, BOTH) == []
        assert plan(Targets(), held, BOTH) == [{0: Body(classes=()), 1: Body(classes=())}]

    def test_who_came_back_is_told_even_that_there_are_none(self) -> None:
        held = held_after(Targets(classes=self.CLASSES))
        held.doubt(1)
        assert plan(Targets(), held, frozenset({1})) == [{1: Body(classes=())}]
        assert plan(Targets(), Held(), BOTH) == []

    def test_a_trace_comes_with_the_first_link_that_needs_it(self) -> None:
        held = Held()
        targets = Targets(links={1: {0: self.TRACED}}, traces={4: trace(4, 9, 8)})
        parts = trace_records(trace(4, 9, 8))
        assert plan(targets, held, BOTH) == [{0: Body(traces=parts, links=[self.TRACED])}]
        other = Targets(links={2: {0: replace(self.TRACED, id=2), 1: self.TRACED}}, traces=targets.traces)
        assert plan(other, held, BOTH) == [
            {0: Body(links=[replace(self.TRACED, id=2)]), 1: Body(traces=parts, links=[self.TRACED])}
        ]

    def test_a_trace_that_changed_is_told_again_with_its_links(self) -> None:
        targets = Targets(links={1: {0: self.TRACED}}, traces={4: trace(4, 9)})
        held = held_after(targets)
        held.links.doubt_row(1)
        targets.traces = {4: trace(4, 5)}
        assert plan(targets, held, BOTH) == [
            {0: Body(traces=trace_records(trace(4, 5)), links=[self.TRACED])}
        ]

    def test_who_came_back_is_told_of_traces_again(self) -> None:
        targets = Targets(links={1: {0: self.TRACED}}, traces={4: trace(4, 9)})
        held = held_after(targets)
        held.doubt(0)
        assert plan(targets, held, BOTH) == [
            {0: Body(traces=trace_records(trace(4, 9)), links=[self.TRACED])}
        ]


PROCESSES = 3
Rows = dict[int, tuple[int, ...]]
PATHS = st.lists(st.integers(0, PROCESSES - 1), min_size=2, max_size=4, unique=True).map(tuple)
ROUTES = st.dictionaries(st.integers(1, 6), PATHS, max_size=6)


def route_targets(rows: Rows, known: set[int]) -> Targets:
    """Each row is a path of processes; here a node's number is its process's. A path never changes."""
    numbers = {hash((id, path)) % 10**6: path for id, path in rows.items()}
    return Targets(
        routes={id: {} for id in known}
        | {id: dict.fromkeys(set(path), RouteRecord(id, path, 1)) for id, path in numbers.items()},
        route_sources={id: path[0] for id, path in numbers.items()},
    )


@given(st.lists(ROUTES, min_size=2, max_size=5))
def test_no_source_ever_has_a_route_that_a_later_node_does_not_know(history: list[Rows]) -> None:
    held, tables = Held(), [dict[int, RouteRecord]() for _ in range(PROCESSES)]
    known: set[int] = set()
    everyone = frozenset(range(PROCESSES))
    for rows in history:
        targets = route_targets(rows, known)
        known |= targets.routes.keys()
        for step in plan(targets, held, everyone):
            for process, body in step.items():
                held.tell(process, body)
                for id in body.remove_routes:
                    del tables[process][id]
                tables[process].update((route.id, route) for route in body.routes)
                for source in everyone:
                    for route in tables[source].values():
                        if route.path[0] == source:
                            assert all(route.id in tables[visited] for visited in route.path)
        for process in everyone:
            wanted = {id for id, records in targets.routes.items() if process in records}
            assert set(tables[process]) == wanted
