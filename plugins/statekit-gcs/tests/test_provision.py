"""The bucket and its lifecycle rules."""

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from statekit_gcs import BACKEND
from statekit_gcs.provision import provision

import statekit
from statekit.errors import MisconfiguredError


def test_a_dry_run_says_what_would_be_done_and_does_nothing(endpoint, opening):
    place = opening(endpoint, bucket="dry-bucket")
    said = provision(place, dry_run=True)
    assert said[0].startswith("bucket dry-bucket: would be created: private")
    assert all("would be" in line for line in said)
    assert provision(place, dry_run=True) == said


def test_a_bucket_is_created_once_and_then_found(endpoint, opening):
    place = opening(endpoint, bucket="new-bucket")
    rules = [
        "the rule: delete some/place/.statekit/gcs/records/ 2 days after their custom time",
        "the rule: delete some/place/.statekit/gcs/parts/ and some/place/.statekit/gcs/uploads/ after 7 days",
    ]
    created = ["created: private, uniform access, no soft delete", *(f"given {rule}" for rule in rules)]
    assert provision(place, dry_run=False) == tuple(f"bucket new-bucket: {line}" for line in created)
    found = ["exists", *(f"has {rule}" for rule in rules)]
    assert provision(place, dry_run=False) == tuple(f"bucket new-bucket: {line}" for line in found)
    assert provision(place, dry_run=True) == provision(place, dry_run=False)
    drivers = BACKEND.open(place)
    assert drivers.check() == ()
    drivers.close()


def test_what_costs_money_in_a_bucket_that_exists_is_said_and_left_alone(endpoint, opening):
    bucket = storage.Client("statekit", AnonymousCredentials(), client_options={"api_endpoint": endpoint}).bucket(
        "dear"
    )
    bucket.soft_delete_policy.retention_duration_seconds = 7 * 86_400
    bucket.create()
    *_, warning = provision(opening(endpoint, bucket="dear"), dry_run=False)
    assert warning == "bucket dear: soft delete keeps, and bills, every overwritten session for 7 days"
    bucket.reload()
    assert bucket.soft_delete_policy.retention_duration_seconds == 7 * 86_400
    bucket.client.close()


def test_rules_for_another_prefix_are_added_and_others_are_kept(endpoint, opening):
    provision(opening(endpoint, bucket="shared-bucket"), dry_run=False)
    other = opening(endpoint, bucket="shared-bucket", path="/other")
    drivers = BACKEND.open(other)
    assert ["provision" in warning for warning in drivers.check()] == [True]
    said = provision(other, dry_run=False)
    assert [line.split()[2] for line in said] == ["exists", "given", "given"]
    assert drivers.check() == ()
    drivers.close()
    assert not any("given" in line for line in provision(opening(endpoint, bucket="shared-bucket"), dry_run=True))


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_new_bucket_needs_a_project(endpoint, monkeypatch, dry_run):
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    with (
        statekit.open(f"gs://poor-bucket?endpoint={endpoint}&anonymous=true") as state,
        pytest.raises(MisconfiguredError, match=r"project.*GOOGLE_CLOUD_PROJECT"),
    ):
        state.provision(dry_run=dry_run)
