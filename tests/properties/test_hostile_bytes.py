"""Whatever bytes others send or a disk gives back: an answer, or a typed error."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.suites.decoders import DECODERS
from tests.suites.mutations import EXAMPLES, mutated

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda each: each.name)
def test_every_sample_is_read_or_refused(decoder):
    for data in decoder.samples:
        with contextlib.suppress(decoder.errors):
            decoder.call(data)


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda each: each.name)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=QUIET)
@given(seed=st.integers(0, 2**64))
def test_nothing_but_a_typed_error_comes_out(decoder, seed):
    with contextlib.suppress(decoder.errors):
        decoder.call(mutated(seed, decoder.samples))
