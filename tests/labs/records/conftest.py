"""Records of every kind, drawn by hypothesis."""

import pytest
from hypothesis import strategies as st

from labs.records import Answer, Observation, Prediction

#: Numbers as a measurement has them, and plain JSON as an answer or a service has it.
SAMPLES = st.lists(st.floats(0, 1e6), min_size=1, max_size=5).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MOMENTS = st.datetimes().map(lambda at: f"{at.isoformat()}+00:00")
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-_.", min_size=1, max_size=12)


@pytest.fixture
def entries(make_measurement) -> st.SearchStrategy:
    """Return a strategy of entries of all four types."""
    return st.one_of(
        st.builds(make_measurement, option=NAMES, samples=SAMPLES, details=st.dictionaries(NAMES, JSON, max_size=3)),
        st.builds(Prediction, NAMES, st.dictionaries(NAMES, st.floats(-1e9, 1e9) | NAMES, max_size=3), MOMENTS),
        st.builds(Answer, NAMES, JSON.filter(lambda one: one is not None), MOMENTS),
        st.builds(Observation, NAMES, st.dictionaries(NAMES, JSON, max_size=3), MOMENTS),
    )
