"""The text format, read back by Prometheus's own parser."""

from __future__ import annotations

from math import inf, isnan, nan

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from nextmini.controller.exposition import Family, labels, render, with_label

TEXT = st.text(st.characters(exclude_categories=["Cs"]))  # surrogates cannot be written
NUMBER = st.one_of(st.integers(-(2**63), 2**64), st.floats())


@given(st.lists(st.tuples(TEXT, NUMBER), unique_by=lambda sample: sample[0]), TEXT)
def test_whatever_stands_in_labels_and_values_is_read_as_it_was(
    samples: list[tuple[str, float]], extra: str
) -> None:
    written = [(with_label(labels({"name": name}), "extra", extra), value) for name, value in samples]
    page = render([Family("thing_bytes", "gauge", "What\nit \\ is.", written)]).decode()
    (family,) = text_string_to_metric_families(page)
    assert (family.name, family.type, family.documentation) == ("thing_bytes", "gauge", "What\nit \\ is.")
    found = [(sample.labels, sample.value) for sample in family.samples]
    assert [labels for labels, _ in found] == [{"name": name, "extra": extra} for name, _ in samples]
    for (_, read), (_, value) in zip(found, samples, strict=True):
        assert read == value or (isnan(read) and isnan(value))


def test_the_page_is_the_format_to_the_letter() -> None:
    page = render(
        [
            Family("a_total", "counter", "All.", [("", 3), (labels({"x": 'q"\\\n'}), 0.5)]),
            Family("b", "gauge", "Nothing yet.", []),
            Family("c", "gauge", "Odd ones.", [("", inf), ("", -inf), ("", nan)]),
        ]
    )
    assert page.decode() == (
        '# HELP a_total All.\n# TYPE a_total counter\na_total 3\na_total{x="q\\"\\\\\\n"} 0.5\n'
        "# HELP b Nothing yet.\n# TYPE b gauge\n"
        "# HELP c Odd ones.\n# TYPE c gauge\nc +Inf\nc -Inf\nc NaN\n"
    )


def test_a_label_may_be_the_first() -> None:
    assert (labels({}), with_label("", "a", "b")) == ("", '{a="b"}')
