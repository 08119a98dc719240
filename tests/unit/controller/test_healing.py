"""Which routes take another path: only those that must, only where it works, and back when they can."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nextmini.algorithms.alternates import Alternates
from nextmini.algorithms.graph import Graph, Pair, Path, steps_of
from nextmini.controller.healing import Course, Decision, decide, ordered, turned
from nextmini.controller.liveness import Dead

WIDTH = 4
NODES = range(WIDTH * WIDTH)
TORUS = sorted(
    {
        (min(a, b), max(a, b))
        for a in NODES
        for b in (a // WIDTH * WIDTH + (a + 1) % WIDTH, (a + WIDTH) % len(NODES))
    }
)
GRAPH = Graph(NODES, [(a, b, 1.0) for a, b in TORUS])
ALTERNATES = Alternates(GRAPH)
PAIRS = [(a, b) for a in NODES for b in NODES if a != b]
NOBODY: frozenset[Pair] = frozenset()
FAILURES = st.builds(
    lambda nodes, steps: Dead(frozenset(nodes), frozenset(range(len(steps))), frozenset(steps)),
    st.sets(st.sampled_from(NODES), max_size=3),
    st.sets(st.sampled_from(TORUS), max_size=8),
)


def course(path: Path) -> Course:
    return Course(path, path, ALTERNATES.of(path))


BEST: dict[int, Course] = {
    id: course(path) for id, path in enumerate(GRAPH.shortest_paths(PAIRS).values()) if path is not None
}


def applied(courses: dict[int, Course], decision: Decision, dead: Dead) -> dict[int, Course]:
    """The routes afterwards, with those that a search finds."""
    living = GRAPH.without(dead.nodes, dead.steps)
    found = {id: living.shortest_path(*pair) for id, pair in decision.searches.items()}
    moves = decision.moves | {id: path for id, path in found.items() if path is not None}
    return courses | {id: replace(courses[id], path=path) for id, path in moves.items()}


@given(st.lists(FAILURES, min_size=1, max_size=4))
def test_after_any_failures_whoever_has_a_way_is_on_one_and_nobody_else_has_moved(
    failures: list[Dead],
) -> None:
    courses = BEST
    for dead in failures:
        after = applied(courses, decide(courses, dead, NOBODY), dead)
        living = GRAPH.without(dead.nodes, dead.steps)
        for id, now in after.items():
            before = courses[id]
            assert (now.pair, len(set(now.path))) == (before.pair, len(now.path))
            assert set(steps_of(now.path)) <= set(TORUS)
            if dead.crosses(now.path):
                assert living.shortest_path(*now.pair) is None
                assert now.path == before.path, "who has no way stays"
            if not dead.crosses(before.path):
                assert now.path in (before.path, before.best), (
                    "a route that works only moves to its best path"
                )
            if not dead.crosses(before.best):
                assert now.path == before.best
        assert applied(after, decide(after, dead, NOBODY), dead) == after, "nothing is left to do"
        courses = after
    assert applied(courses, decide(courses, Dead(), NOBODY), Dead()) == BEST


@given(
    st.one_of(
        st.sampled_from(TORUS).map(lambda step: Dead(steps=frozenset({step}), links=frozenset({1}))),
        st.sampled_from(NODES).map(lambda node: Dead(nodes=frozenset({node}))),
    )
)
def test_a_first_failure_is_a_look_up(dead: Dead) -> None:
    decision = decide(BEST, dead, NOBODY)
    assert not decision.searches
    touched = {id for id, one in BEST.items() if dead.crosses(one.path) and not dead.holds_end(one.path)}
    assert decision.moves.keys() == touched


def test_the_first_alternate_that_works_is_taken_and_a_search_comes_last() -> None:
    one = Course((1, 2, 3), (1, 2, 3), ((1, 4, 3), (1, 5, 3)))
    assert decide({7: one}, Dead(nodes=frozenset({2})), NOBODY) == Decision(moves={7: (1, 4, 3)})
    assert decide({7: one}, Dead(nodes=frozenset({2, 4})), NOBODY) == Decision(moves={7: (1, 5, 3)})
    assert decide({7: one}, Dead(nodes=frozenset({2, 4, 5})), NOBODY) == Decision(searches={7: (1, 3)})


def test_a_dead_end_is_reached_by_no_other_path() -> None:
    one = Course((1, 2, 3), (1, 2, 3), ((1, 4, 3),))
    for end in (1, 3):
        assert decide({7: one}, Dead(nodes=frozenset({2, end})), NOBODY) == Decision()


def test_what_is_held_stays_and_is_remembered() -> None:
    one = Course((1, 2, 3), (1, 2, 3), ((1, 4, 3),))
    dead = Dead(nodes=frozenset({2}))
    assert decide({7: one}, dead, {(1, 3)}) == Decision(held={7})
    assert decide({7: one}, dead, {(3, 1)}) == Decision(moves={7: (1, 4, 3)})


def test_both_directions_of_a_pair_are_searched_for_as_one() -> None:
    assert ordered([(1, 3), (3, 1), (4, 2)]) == {(1, 3), (2, 4)}
    assert turned((1, 2, 3), (3, 1)) == (3, 2, 1)
    assert turned((1, 2, 3), (1, 3)) == (1, 2, 3)
    assert turned(None, (1, 3)) is None
