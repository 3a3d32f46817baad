"""Moments are read as botocore reads them, and sooner."""

import pytest
from botocore.utils import parse_timestamp
from statekit_aws.moments import read_moment


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-25T15:43:01.123Z",
        "2026-11-25T15:43:01Z",
        "2026-11-25T15:43:01.123456789Z",
        "2026-11-25T15:43:01+02:00",
        "Wed, 25 Nov 2026 15:43:01 GMT",
        "1795621381",
        1795621381.25,
    ],
)
def test_a_moment_is_what_botocore_says_it_is(written):
    found = read_moment(written)
    assert found.tzinfo is not None
    assert abs((found - parse_timestamp(written)).total_seconds()) < 1e-5


@pytest.mark.parametrize("written", ["", "soon", "TZ", "GMT", "2026-99-01T00:00:00Z"])
def test_what_is_none_is_an_error(written):
    with pytest.raises((ValueError, TypeError)):
        read_moment(written)
