"""moto's mock_aws in the tests of applications: with clients of theirs, with a session, and with neither."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws
from statekit_aws.clients import client_for
from statekit_aws.provision import provision
from statekit_aws.sessions import Session

import statekit
from statekit.__main__ import main

URL = "aws://?table=state&bucket=uploads"


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield


@pytest.fixture
def place(opening):
    return opening("aws", table="state", bucket="uploads")


def test_provision_creates_what_is_missing_once_and_changes_nothing_then(place):
    planned = provision(place, dry_run=True)
    assert planned == (
        "table state: would be created in eu-west-1, billed on demand, its only key the string k",
        "table state: DynamoDB would reclaim what expired by the attribute t",
        "bucket uploads: would be created in eu-west-1",
        "bucket uploads: uploads that nobody finished would be forgotten after 2 days",
    )
    assert boto3.client("dynamodb").list_tables()["TableNames"] == []
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    assert provision(place, dry_run=False) == (
        "table state: created in eu-west-1, billed on demand, its only key the string k",
        "table state: DynamoDB reclaims what expired by the attribute t",
        "bucket uploads: created in eu-west-1",
        "bucket uploads: uploads that nobody finished are forgotten after 2 days",
    )
    for dry_run in (True, False):
        assert provision(place, dry_run=dry_run) == (
            "table state: exists, and DynamoDB reclaims what expired by the attribute t",
            "bucket uploads: exists; it has a rule for uploads that nobody finished",
        )


def rules_of(s3):
    try:
        return [rule["ID"] for rule in s3.get_bucket_lifecycle_configuration(Bucket="uploads")["Rules"]]
    except s3.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration"
        return []


THEIRS = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 9}}


@pytest.mark.parametrize(
    ("rules", "advice"), [([], "aws s3api put-bucket-lifecycle-configuration"), ([THEIRS], "add to its rules")]
)
def test_provision_says_what_an_existing_table_and_bucket_lack_and_leaves_them_alone(place, rules, advice):
    dynamodb, s3 = boto3.client("dynamodb"), boto3.client("s3")
    dynamodb.create_table(
        TableName="state",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    s3.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    if rules:
        s3.put_bucket_lifecycle_configuration(Bucket="uploads", LifecycleConfiguration={"Rules": rules})
    table, bucket = provision(place, dry_run=False)
    assert "exists; time to live by the attribute t is off" in table
    assert "aws dynamodb update-time-to-live" in table
    assert advice in bucket
    assert rules_of(s3) == [rule["ID"] for rule in rules]
    assert dynamodb.describe_time_to_live(TableName="state")["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"


def used(state):
    with state:
        session = state.sessions.create({"user": "ada"})
        session["cart"] = ["tea"]
        state.sessions.save(session)
        assert state.sessions.load(session.id)["cart"] == ["tea"]
        info = state.objects.put("a.txt", b"hello", if_absent=True)
        assert state.objects.get("a.txt").data == b"hello"
        assert state.objects.copy("a.txt", "b.txt").size == 5
        assert state.objects.get("b.txt").data == b"hello"
        with pytest.raises(statekit.ConflictError):
            state.objects.put("a.txt", b"again", if_absent=True)
        assert state.objects.delete("a.txt", if_match=info) is True
        assert [found.key for found in state.objects.list()] == ["b.txt"]


def test_with_nothing_handed_in(place):
    provision(place, dry_run=False)
    used(statekit.open(URL))


def test_with_clients_of_the_applications_own(place):
    provision(place, dry_run=False)
    clients = {"s3": boto3.client("s3"), "dynamodb": boto3.client("dynamodb")}
    used(statekit.open(URL, client=clients))
    assert clients["s3"].list_buckets()["Buckets"][0]["Name"] == "uploads"


def test_with_one_client_for_one_service(place):
    provision(place, dry_run=False)
    with statekit.open(sessions="dynamodb://state", client=boto3.client("dynamodb")) as state:
        assert state.sessions.load(state.sessions.create({"n": 1}).id)["n"] == 1


def test_with_a_session(place):
    provision(place, dry_run=False)
    used(statekit.open(URL, client=boto3.Session(region_name="eu-west-1")))


def test_a_role_is_assumed_and_its_credentials_are_refreshed(opening, monkeypatch):
    place = opening("dynamodb", "state", role="arn:aws:iam::123456789012:role/shop")
    client = client_for(place, "dynamodb", None, Session(place))
    client.raw.list_tables()
    credentials = client.raw._request_signer._credentials
    assert (credentials.method, credentials.get_frozen_credentials().token is not None) == ("assume-role", True)
    assert credentials.refresh_needed() is False
    first = credentials.get_frozen_credentials()

    def later():
        return datetime.now(UTC) + timedelta(minutes=50)  # an assumed role lasts for an hour

    monkeypatch.setattr("botocore.credentials._local_now", later)
    credentials._time_fetcher = later
    client.raw.list_tables()
    assert credentials.get_frozen_credentials() != first
    client.close()


def test_a_role_is_assumed_in_the_region_of_the_url(opening, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    place = opening("dynamodb", "state", role="arn:aws:iam::123456789012:role/shop", region="eu-central-1")
    client = client_for(place, "dynamodb", None, Session(place))
    assert client.raw.list_tables()["TableNames"] == []
    assert client.raw.meta.region_name == "eu-central-1"
    client.close()


@pytest.mark.parametrize(
    "call",
    [
        lambda state: state.check(),
        lambda state: state.sessions.load("A" * 43),
        lambda state: state.sessions.create({}),
        lambda state: state.objects.put("a", b"x"),
        lambda state: state.objects.get("a"),
        lambda state: state.objects.stat("a"),
        lambda state: state.objects.delete("a"),
        lambda state: list(state.objects.list()),
        lambda state: state.objects.put("a", bytes(9_000_000)),
    ],
)
def test_the_first_call_to_what_is_missing_names_the_command_that_creates_it(call):
    with statekit.open(URL) as state, pytest.raises(statekit.MisconfiguredError, match="statekit provision --url"):
        call(state)


def test_the_command_creates_it(capsys):
    assert main(["provision", "--url", URL, "--dry-run"]) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert main(["provision", "--url", URL]) == 0
    assert "bucket uploads: created in eu-west-1" in capsys.readouterr().out
    used(statekit.open(URL))
