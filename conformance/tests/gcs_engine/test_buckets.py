"""Buckets through the SDK."""

from uuid import uuid4

import pytest
from google.api_core import exceptions

RULES = [{"origin": ["https://app.test"], "method": ["PUT"], "responseHeader": ["x-a"], "maxAgeSeconds": 60}]


def test_what_is_said_about_a_bucket_is_kept(client, bucket):
    bucket.cors = RULES
    bucket.add_lifecycle_delete_rule(days_since_custom_time=1, matches_prefix=["s/"])
    bucket.labels = {"team": "state"}
    bucket.patch()
    fresh = client.get_bucket(bucket.name)
    assert fresh.cors == RULES
    assert [dict(rule) for rule in fresh.lifecycle_rules] == [
        {
            "action": {"type": "Delete"},
            "condition": {"daysSinceCustomTime": 1, "matchesPrefix": ["s/"]},
        }
    ]
    assert (fresh.labels, fresh.metageneration) == ({"team": "state"}, 2)


def test_a_patch_is_conditional_on_the_metageneration(client, bucket):
    stale = client.get_bucket(bucket.name)
    bucket.labels = {"a": "1"}
    bucket.patch(if_metageneration_match=1)
    stale.labels = {"a": "2"}
    with pytest.raises(exceptions.PreconditionFailed):
        stale.patch(if_metageneration_match=1)
    assert client.get_bucket(bucket.name).labels == {"a": "1"}


def test_a_taken_name_a_bad_name_and_a_missing_bucket(client, bucket):
    with pytest.raises(exceptions.Conflict):
        client.create_bucket(bucket.name)
    with pytest.raises(exceptions.BadRequest):
        client.create_bucket("No_Bucket")
    assert client.lookup_bucket(f"m-{uuid4().hex}") is None
    with pytest.raises(exceptions.NotFound):
        client.bucket(f"m-{uuid4().hex}").blob("a").upload_from_string(b"x")


def test_only_an_empty_bucket_is_deleted(client, bucket):
    bucket.blob("a").upload_from_string(b"x")
    with pytest.raises(exceptions.Conflict):
        bucket.delete()
    bucket.delete(force=True)
    assert not bucket.exists()


def test_buckets_are_listed(client, bucket):
    assert [found.name for found in client.list_buckets(prefix=bucket.name)] == [bucket.name]
