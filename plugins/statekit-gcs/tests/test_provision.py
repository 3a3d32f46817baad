"""The bucket and its lifecycle rules."""

import pytest
from statekit_gcs import BACKEND
from statekit_gcs.options import GcsOptions
from statekit_gcs.provision import provision


def test_a_dry_run_says_what_would_be_done_and_does_nothing(endpoint, opening):
    place = opening(endpoint, bucket="dry-bucket")
    said = provision(place, dry_run=True)
    assert said[0].startswith("create bucket dry-bucket")
    assert provision(place, dry_run=True) == said


def test_a_bucket_is_created_once(endpoint, opening):
    place = opening(endpoint, bucket="new-bucket")
    assert len(provision(place, dry_run=False)) == 3
    assert list(provision(place, dry_run=False)) == []
    drivers = BACKEND.open(place)
    assert drivers.check() == ()
    drivers.close()


def test_rules_for_another_prefix_are_added_and_others_are_kept(endpoint, opening):
    provision(opening(endpoint, bucket="shared-bucket"), dry_run=False)
    other = opening(endpoint, bucket="shared-bucket", path="/other")
    drivers = BACKEND.open(other)
    assert ["provision" in warning for warning in drivers.check()] == [True]
    assert len(provision(other, dry_run=False)) == 2
    assert drivers.check() == ()
    drivers.close()
    assert list(provision(opening(endpoint, bucket="shared-bucket"), dry_run=False)) == []


def test_a_new_bucket_needs_a_project(endpoint, opening, monkeypatch):
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    options = GcsOptions(endpoint=endpoint, anonymous=True)
    with pytest.raises(ValueError, match="project"):
        provision(opening(endpoint, bucket="poor-bucket", options=options), dry_run=False)
