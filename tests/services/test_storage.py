"""Blob storage under its real host names, through Microsoft's own client and through plain HTTP."""

import base64
import hashlib
import os
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
import requests
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.identity import DefaultAzureCredential
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobServiceClient,
    ContainerClient,
    ContentSettings,
    ImmutabilityPolicy,
    PartialBatchErrorException,
    StandardBlobTier,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)

from local_azure import coverage
from local_azure.services.storage import account_key
from local_azure.userdata import load_secrets

pytest_plugins = ["ml_workspace"]

ACCOUNT = "ternlogistics"
URL = f"https://{ACCOUNT}.blob.core.windows.net"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def service(server_home):
    with BlobServiceClient(URL, DefaultAzureCredential(), retry_total=0) as client:
        yield client


@pytest.fixture(scope="module")
def key(server_home):
    return account_key(load_secrets(), ACCOUNT)


@pytest.fixture
def container(service, request):
    """A container for one test."""
    name = f"test-{hashlib.sha256(request.node.name.encode()).hexdigest()[:16]}"
    client = service.create_container(name)
    yield client
    client.delete_container()


def soon(minutes=5):
    return datetime.now(UTC) + timedelta(minutes=minutes)


def file_of(server_home, container, name):
    return server_home / "storage" / ACCOUNT / container.container_name / name


# Content


def test_a_blob_is_a_readable_file_on_disk(server_home, container):
    container.upload_blob("routes/2026/north.csv", b"parcel,late\n1,0\n")
    assert file_of(server_home, container, "routes/2026/north.csv").read_bytes() == b"parcel,late\n1,0\n"
    assert container.download_blob("routes/2026/north.csv").readall() == b"parcel,late\n1,0\n"


def test_a_file_that_something_else_wrote_is_a_blob(server_home, container):
    path = file_of(server_home, container, "logs/std_log.txt")
    path.parent.mkdir()
    path.write_text("first line\n")
    assert [blob.name for blob in container.list_blobs()] == ["logs/std_log.txt"]
    before = container.get_blob_client("logs/std_log.txt").get_blob_properties()
    assert (before.size, before.content_settings.content_type) == (11, "application/octet-stream")
    path.write_text("first line\nsecond line\n")
    after = container.get_blob_client("logs/std_log.txt").get_blob_properties()
    assert after.size == 23 and after.etag != before.etag


def test_a_checksum_is_not_kept_for_a_file_that_was_changed_since(server_home, container):
    blob = container.upload_blob("a.txt", b"uploaded")
    assert blob.get_blob_properties().content_settings.content_md5
    time.sleep(0.01)
    file_of(server_home, container, "a.txt").write_bytes(b"changed!")
    assert blob.get_blob_properties().content_settings.content_md5 is None
    assert blob.download_blob().readall() == b"changed!"


@pytest.mark.parametrize("size", [0, 1, 4 * MIB - 1, 4 * MIB, 9 * MIB + 7])
def test_blobs_of_all_sizes_come_back_as_they_were(service, size):
    data = os.urandom(size)
    small = BlobServiceClient(
        URL, DefaultAzureCredential(), max_single_put_size=4 * MIB, max_block_size=2 * MIB,
        max_single_get_size=2 * MIB, max_chunk_get_size=2 * MIB,
    )  # fmt: skip
    with small.get_container_client(f"sizes-{size}") as client:
        client.create_container()
        client.upload_blob("data", data, max_concurrency=4)
        assert client.download_blob("data", max_concurrency=4).readall() == data
        assert client.get_blob_client("data").get_blob_properties().size == size
        client.delete_container()


def test_ranges(container):
    blob = container.upload_blob("digits", b"0123456789")
    assert blob.download_blob(offset=2, length=3).readall() == b"234"
    assert blob.download_blob(offset=7).readall() == b"789"
    assert blob.download_blob(offset=8, length=100).readall() == b"89"
    with pytest.raises(HttpResponseError) as refused:
        blob.download_blob(offset=10, length=1)
    assert (refused.value.status_code, refused.value.error_code) == (416, "InvalidRange")


def test_a_range_can_come_with_its_checksum(container):
    blob = container.upload_blob("digits", b"0123456789")
    got = blob.download_blob(offset=2, length=3, validate_content=True)
    assert got.readall() == b"234"


def test_blocks_in_the_order_of_their_list(container):
    blob = container.get_blob_client("letters")
    for letter in "abc":
        blob.stage_block(letter, letter.encode() * 3)
    committed, waiting = blob.get_block_list("all")
    assert (committed, [(block.id, block.size) for block in waiting]) == ([], [("a", 3), ("b", 3), ("c", 3)])
    with pytest.raises(ResourceNotFoundError):
        blob.get_blob_properties()
    blob.commit_block_list([BlobBlock("c"), BlobBlock("a")], metadata={"made": "in-blocks"})
    assert blob.download_blob().readall() == b"cccaaa"
    assert blob.get_blob_properties().metadata == {"made": "in-blocks"}
    blob.stage_block("d", b"ddd")
    blob.commit_block_list([BlobBlock("a"), BlobBlock("d")])
    assert blob.download_blob().readall() == b"aaaddd"
    with pytest.raises(HttpResponseError) as refused:
        blob.commit_block_list([BlobBlock("never-staged")])
    assert (refused.value.status_code, refused.value.error_code) == (400, "InvalidBlockList")


def test_a_wrong_checksum_is_refused(container, key):
    sas = generate_container_sas(ACCOUNT, container.container_name, account_key=key, permission="rcw", expiry=soon())
    headers = {"x-ms-blob-type": "BlockBlob", "Content-MD5": base64.b64encode(b"0" * 16).decode()}
    answer = requests.put(f"{container.url}/a?{sas}", b"text", headers=headers, timeout=120)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "Md5Mismatch")
    assert list(container.list_blobs()) == []
    container.upload_blob("b", b"text", validate_content=True)


# Properties, metadata, conditions


def test_metadata_and_properties(container):
    settings = ContentSettings(content_type="text/csv", content_language="en", cache_control="no-cache")
    blob = container.upload_blob("a.csv", b"1,2\n", metadata={"source": "depot"}, content_settings=settings)
    found = blob.get_blob_properties()
    assert found.metadata == {"source": "depot"}
    assert found.content_settings.content_type == "text/csv"
    assert (found.content_settings.content_language, found.content_settings.cache_control) == ("en", "no-cache")
    assert base64.b64encode(found.content_settings.content_md5) == base64.b64encode(hashlib.md5(b"1,2\n").digest())
    assert abs(found.creation_time.timestamp() - time.time()) < 60
    blob.set_blob_metadata({"source": "hub", "year": "2026"})
    assert blob.get_blob_properties().metadata == {"source": "hub", "year": "2026"}
    assert blob.get_blob_properties().etag != found.etag
    blob.set_http_headers(ContentSettings(content_type="text/plain"))
    assert blob.get_blob_properties().content_settings.content_type == "text/plain"
    assert blob.get_blob_properties().content_settings.cache_control is None


def test_metadata_keeps_the_spelling_of_its_names(container):
    given = {"SourceFile": "Depot 7.csv", "_x": "1", "lower": "2", "UPPER": "3"}
    blob = container.upload_blob("a", b"1", metadata=given)
    assert blob.get_blob_properties().metadata == given
    assert blob.download_blob().properties.metadata == given
    assert [one.metadata for one in container.list_blobs(include=["metadata"])] == [given]
    blob.set_blob_metadata({"sourcefile": "a"})
    assert blob.get_blob_properties().metadata == {"sourcefile": "a"}
    container.set_container_metadata({"OwnedBy": "tern"})
    assert container.get_container_properties().metadata == {"OwnedBy": "tern"}
    blocks = container.get_blob_client("b")
    blocks.stage_block("1", b"x")
    blocks.commit_block_list(["1"], metadata={"MadeOf": "blocks"})
    assert blocks.get_blob_properties().metadata == {"MadeOf": "blocks"}


def test_metadata_has_8192_bytes_and_no_more(container):
    blob = container.upload_blob("a", b"1")
    most = {"name": "x" * (8192 - len("name"))}
    blob.set_blob_metadata(most)
    assert blob.get_blob_properties().metadata == most
    for refuse in (
        lambda: blob.set_blob_metadata({"name": most["name"] + "x"}),
        lambda: container.upload_blob("b", b"1", metadata={"names": most["name"]}),
        lambda: container.set_container_metadata({"name": "x" * 5000, "other": "x" * 5000}),
    ):
        with pytest.raises(HttpResponseError, match="metadata exceeds the maximum size") as refused:
            refuse()
        assert (refused.value.status_code, refused.value.error_code) == (400, "MetadataTooLarge")
    assert blob.get_blob_properties().metadata == most


@pytest.mark.parametrize("name", ["a-b", "1a", "a.b", "é"])
def test_names_of_metadata_are_identifiers(container, name):
    with pytest.raises((HttpResponseError, UnicodeError)) as refused:
        container.upload_blob("a", b"1", metadata={name: "x"})
    if isinstance(refused.value, HttpResponseError):
        assert (refused.value.status_code, refused.value.error_code) == (400, "InvalidMetadata")


def test_values_of_metadata_are_ascii(container, key):
    sas = generate_account_sas(ACCOUNT, key, "sco", "rwdlc", soon())
    headers = {"x-ms-blob-type": "BlockBlob", "x-ms-meta-place": "Málaga".encode("latin-1")}
    answer = requests.put(f"{container.url}/a?{sas}", b"1", headers=headers, timeout=120)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "InvalidMetadata")


def test_not_overwritten_unless_asked(container):
    container.upload_blob("a", b"first")
    with pytest.raises(ResourceExistsError) as refused:
        container.upload_blob("a", b"second")
    assert refused.value.error_code == "BlobAlreadyExists"
    container.upload_blob("a", b"second", overwrite=True)
    assert container.download_blob("a").readall() == b"second"


def test_conditions(container):
    blob = container.upload_blob("a", b"first")
    first = blob.get_blob_properties().etag
    blob.upload_blob(b"second", overwrite=True)
    with pytest.raises(ResourceModifiedError) as refused:
        blob.download_blob(etag=first, match_condition=_if_match())
    assert refused.value.error_code == "ConditionNotMet"
    with pytest.raises(ResourceModifiedError):
        blob.delete_blob(etag=first, match_condition=_if_match())
    with pytest.raises(HttpResponseError) as unchanged:
        blob.get_blob_properties(if_modified_since=soon())
    assert unchanged.value.status_code == 304
    blob.delete_blob(etag=blob.get_blob_properties().etag, match_condition=_if_match())


def _if_match():
    from azure.core import MatchConditions

    return MatchConditions.IfNotModified


# Lists


NAMES = ["a.txt", "b/1.txt", "b/2.txt", "b/c/3.txt", "bb.txt", "z & ü <é>.txt"]


def test_lists_by_prefix_and_folded_at_a_delimiter(container):
    for name in NAMES:
        container.upload_blob(name, name.encode(), metadata={"of": "list"})
    assert [blob.name for blob in container.list_blobs()] == NAMES
    assert [blob.name for blob in container.list_blobs(name_starts_with="b/")] == ["b/1.txt", "b/2.txt", "b/c/3.txt"]
    assert [blob.name for blob in container.list_blobs(name_starts_with="b")][-1] == "bb.txt"
    assert sorted(blob.name for blob in container.walk_blobs()) == ["a.txt", "b/", "bb.txt", NAMES[-1]]
    assert sorted(blob.name for blob in container.walk_blobs("b/")) == ["b/1.txt", "b/2.txt", "b/c/"]
    (one,) = container.list_blobs("a.txt", include=["metadata"])
    assert (one.metadata, one.size) == ({"of": "list"}, 5)
    assert next(iter(container.list_blobs("a.txt"))).metadata in ({}, None)


def test_lists_in_pages(container):
    for number in range(7):
        container.upload_blob(f"{number}", b"")
    pages = [[blob.name for blob in page] for page in container.list_blobs(results_per_page=3).by_page()]
    assert pages == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


def test_containers(service):
    client = service.create_container("containers-test", metadata={"for": "tern"})
    with pytest.raises(ResourceExistsError) as refused:
        service.create_container("containers-test")
    assert refused.value.error_code == "ContainerAlreadyExists"
    assert client.exists() and client.get_container_properties().metadata == {"for": "tern"}
    assert [one.name for one in service.list_containers("containers-")] == ["containers-test"]
    client.delete_container()
    assert not client.exists()
    with pytest.raises(ResourceNotFoundError) as missing:
        client.delete_container()
    assert missing.value.error_code == "ContainerNotFound"


def test_what_kind_of_account_it_is(service):
    found = service.get_account_information()
    assert (found["sku_name"], found["account_kind"]) == ("Standard_LRS", "StorageV2")


def test_what_is_missing(container):
    assert not container.get_blob_client("none").exists()
    with pytest.raises(ResourceNotFoundError) as missing:
        container.download_blob("none")
    assert missing.value.error_code == "BlobNotFound"
    with pytest.raises(ResourceNotFoundError) as missing:
        container.delete_blob("none")
    assert missing.value.error_code == "BlobNotFound"


def test_a_deleted_blob_leaves_no_empty_folders(server_home, container):
    container.upload_blob("a/b/c.txt", b"1")
    container.delete_blob("a/b/c.txt")
    assert not file_of(server_home, container, "a").exists()
    container.upload_blob("a", b"now a file")


# Names that a file system must not see


@pytest.mark.parametrize(
    "name", ["../out.txt", "a/../../out.txt", "%2e%2e/out.txt", "a/./b", "a\\..\\..\\out", "a//b", "nul\0", "x" * 300]
)
def test_names_that_could_leave_the_folder_are_refused(server_home, container, key, name):
    sas = generate_account_sas(ACCOUNT, key, "sco", "rwdlc", soon())
    path = requests.utils.quote(name, safe="/%" if "%" in name else "/")
    prepared = requests.Request("PUT", container.url, headers={"x-ms-blob-type": "BlockBlob"}, data=b"x").prepare()
    prepared.url = f"{container.url}/{path}?{sas}"  # requests itself would tidy the path
    session = requests.Session()
    answer = session.send(prepared, **session.merge_environment_settings(container.url, {}, None, None, None))
    assert (answer.status_code, answer.headers["x-ms-error-code"]) in [
        (400, "InvalidResourceName"), (400, "OutOfRangeInput"),
    ]  # fmt: skip
    assert not [path for path in server_home.rglob("*out*")]


@pytest.mark.parametrize("name", ["UPPER", "a", "two--hyphens", "under_score", "x" * 64])
def test_names_of_containers(service, name):
    with pytest.raises(HttpResponseError) as refused:
        service.create_container(name)
    assert (refused.value.status_code, refused.value.error_code) == (400, "InvalidResourceName")


def test_a_name_cannot_be_a_file_and_a_folder_here(container):
    container.upload_blob("a", b"file")
    with pytest.raises(HttpResponseError) as refused:
        container.upload_blob("a/b", b"below it")
    assert (refused.value.status_code, refused.value.error_code) == (409, "LocalNameConflict")
    assert container.download_blob("a").readall() == b"file"


# Who may


def test_a_signature_for_a_container(container, key):
    container.upload_blob("a", b"1")
    sas = generate_container_sas(ACCOUNT, container.container_name, account_key=key, permission="rl", expiry=soon())
    with ContainerClient.from_container_url(f"{container.url}?{sas}") as reader:
        assert [blob.name for blob in reader.list_blobs()] == ["a"]
        assert reader.download_blob("a").readall() == b"1"
        with pytest.raises(HttpResponseError) as refused:
            reader.upload_blob("b", b"2")
        assert refused.value.error_code == "AuthorizationPermissionMismatch"


def test_a_signature_for_one_blob(container, key):
    container.upload_blob("a", b"1")
    container.upload_blob("b", b"2")
    sas = generate_blob_sas(
        ACCOUNT, container.container_name, "a", account_key=key, permission="r", expiry=soon(),
        content_type="text/html",
    )  # fmt: skip
    with BlobClient.from_blob_url(f"{container.url}/a?{sas}") as reader:
        assert reader.download_blob().readall() == b"1"
    assert requests.get(f"{container.url}/b?{sas}", timeout=120).status_code == 403


def test_a_signature_for_an_account(service, container, key):
    container.upload_blob("a", b"1")
    sas = generate_account_sas(ACCOUNT, key, "sco", "rl", soon())
    with BlobServiceClient(URL, sas) as reader:
        assert container.container_name in [one.name for one in reader.list_containers()]
        assert reader.get_blob_client(container.container_name, "a").download_blob().readall() == b"1"
    with BlobServiceClient(URL, generate_account_sas(ACCOUNT, key, "o", "rl", soon())) as narrow:
        with pytest.raises(HttpResponseError) as refused:
            list(narrow.list_containers())
        assert refused.value.error_code == "AuthorizationResourceTypeMismatch"


def test_the_account_s_key(container, key):
    with BlobServiceClient(URL, {"account_name": ACCOUNT, "account_key": key}) as client:
        mine = client.get_container_client(container.container_name)
        mine.upload_blob("ä b+c/%.txt", b"1", metadata={"by": "key"}, overwrite=True)
        assert [blob.name for blob in mine.list_blobs("ä b+c", include=["metadata"])] == ["ä b+c/%.txt"]
        assert mine.download_blob("ä b+c/%.txt").readall() == b"1"
    wrong = base64.b64encode(b"0" * 64).decode()
    with (
        BlobServiceClient(URL, {"account_name": ACCOUNT, "account_key": wrong}) as client,
        pytest.raises(ClientAuthenticationError) as refused,
    ):
        list(client.list_containers())
    assert refused.value.error_code == "AuthenticationFailed"


def test_bad_signatures(container, key):
    name = container.container_name
    good = dict(account_key=key, permission="rl", expiry=soon())
    expired = generate_container_sas(ACCOUNT, name, **{**good, "expiry": soon(-5)})
    early = generate_container_sas(ACCOUNT, name, start=soon(3), **good)
    other = generate_container_sas(ACCOUNT, "other", **good)
    foreign = generate_container_sas("otheraccount", name, **good)
    widened = generate_container_sas(ACCOUNT, name, **good).replace("sp=rl", "sp=rwdl")
    strange = widened.partition("sig=")[0] + "sig=%C3%BC"
    for sas in (expired, early, other, foreign, widened, strange):
        answer = requests.get(f"{container.url}?restype=container&comp=list&{sas}", timeout=120)
        assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
        assert b"<AuthenticationErrorDetail>" in answer.content


def test_without_credentials_nothing_is_readable(container):
    container.upload_blob("a", b"1")
    answer = requests.get(f"{container.url}/a", timeout=120)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (409, "PublicAccessNotPermitted")
    answer = requests.put(f"{container.url}/a", b"2", timeout=120)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (401, "NoAuthenticationInformation")
    assert "storage.azure.com" in answer.headers["www-authenticate"]
    answer = requests.get(f"{container.url}/a", headers={"Authorization": "Bearer x.y.z"}, timeout=120)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (401, "InvalidAuthenticationInfo")
    assert requests.head(f"{container.url}/a", timeout=120).content == b""


def test_who_reads_an_address_without_credentials_is_told_why(container):
    """pandas.read_csv and urllib show the line of the status and nothing else."""
    container.upload_blob("table.csv", b"x\n1\n")
    with pytest.raises(urllib.error.HTTPError, match="HTTP Error 409: Public access is not permitted on this storage"):
        urllib.request.urlopen(f"{container.url}/table.csv", timeout=120)


@pytest.mark.parametrize("access", ["blob", "container"])
def test_public_access_is_refused_as_new_accounts_refuse_it(service, access):
    with pytest.raises(HttpResponseError) as refused:
        service.create_container("public", public_access=access)
    assert (refused.value.status_code, refused.value.error_code) == (409, "PublicAccessNotPermitted")
    assert [one.name for one in service.list_containers("public")] == []
    made = service.create_container(f"private-{access}")
    with pytest.raises(HttpResponseError) as refused:
        made.set_container_access_policy({}, public_access=access)
    assert (refused.value.status_code, refused.value.error_code) == (409, "PublicAccessNotPermitted")


# What is not there says so


NOT_YET = {
    "BlobServiceClient": {
        "find_blobs_by_tags": lambda one: list(one.find_blobs_by_tags("a='b'")),
        "get_user_delegation_key": lambda one: one.get_user_delegation_key(soon(), soon()),
        "set_service_properties": lambda one: one.set_service_properties(hour_metrics=None, cors=[]),
        "undelete_container": lambda one: one.undelete_container("one", "1"),
        "get_service_stats": None,  # is at another host name, which no account here has
    },
    "ContainerClient": {
        "delete_blobs": lambda one: one.delete_blobs("a"),
        "find_blobs_by_tags": lambda one: list(one.find_blobs_by_tags("a='b'")),
        "set_container_access_policy": lambda one: one.set_container_access_policy({}),
        "set_premium_page_blob_tier_blobs": lambda one: one.set_premium_page_blob_tier_blobs("P4", "a"),
        "set_standard_blob_tier_blobs": lambda one: one.set_standard_blob_tier_blobs("Cool", "a"),
    },
    "BlobClient": {
        "abort_copy": lambda one: one.abort_copy("1"),
        "append_block": lambda one: one.append_block(b"1"),
        "append_block_from_url": lambda one: one.append_block_from_url(one.url),
        "clear_page": lambda one: one.clear_page(0, 512),
        "create_page_blob": lambda one: one.create_page_blob(512),
        "get_page_range_diff_for_managed_disk": lambda one: one.get_page_range_diff_for_managed_disk(one.url),
        "list_page_ranges": lambda one: list(one.list_page_ranges()),
        "query_blob": lambda one: one.query_blob("select * from BlobStorage").readall(),
        "resize_blob": lambda one: one.resize_blob(512),
        "set_sequence_number": lambda one: one.set_sequence_number("max", "1"),
        "set_blob_tags": lambda one: one.set_blob_tags({"a": "b"}),
        "set_immutability_policy": lambda one: one.set_immutability_policy(
            ImmutabilityPolicy(expiry_time=soon(), policy_mode="Unlocked")
        ),
        "set_legal_hold": lambda one: one.set_legal_hold(True),
        "set_premium_page_blob_tier": lambda one: one.set_premium_page_blob_tier("P4"),
        "set_standard_blob_tier": lambda one: one.set_standard_blob_tier("Cool"),
        "stage_block_from_url": lambda one: one.stage_block_from_url("1", one.url),
        "start_copy_from_url": lambda one: one.start_copy_from_url(one.url),
        "upload_blob_from_url": lambda one: one.upload_blob_from_url(one.url, overwrite=True),
        "upload_page": lambda one: one.upload_page(b"0" * 512, 0, 512),
        "upload_pages_from_url": lambda one: one.upload_pages_from_url(one.url, 0, 512, 0),
    },
}


@pytest.mark.parametrize(
    ("cls", "operation"),
    [
        pytest.param(client, name, id=f"{client.service.split()[-1]}.{name}")
        for client in coverage.STORAGE
        for name, (state, _) in client.operations.items()
        if state == coverage.NOT_YET and NOT_YET[client.service.split()[-1]].get(name, True)
    ],
)
def test_each_operation_that_is_not_there_is_refused(service, container, cls, operation):
    name = cls.service.split()[-1]
    one = {"BlobServiceClient": service, "ContainerClient": container}.get(name) or container.upload_blob(
        "a", b"x", overwrite=True
    )
    call = NOT_YET[name].get(operation) or (lambda client: getattr(client, operation)())
    with pytest.raises((HttpResponseError, PartialBatchErrorException)) as refused:
        call(one)
    assert refused.value.status_code == 501, refused.value


@pytest.mark.parametrize(
    "given",
    [
        {"standard_blob_tier": StandardBlobTier.COOL},
        {"tags": {"a": "b"}},
        {"legal_hold": True},
        {"encryption_scope": "own"},
    ],
)
def test_what_a_blob_would_not_keep_is_refused_by_name(container, given):
    with pytest.raises(HttpResponseError, match="x-ms-"):
        container.upload_blob("kept", b"1", **given)
    assert not container.get_blob_client("kept").exists()


def test_what_is_not_there_yet_says_so(container):
    blob = container.upload_blob("a", b"1")
    for call in (
        lambda: blob.create_snapshot(),
        lambda: container.get_blob_client("b").start_copy_from_url(blob.url),
        lambda: container.get_blob_client("c").create_append_blob(),
        lambda: blob.acquire_lease(),
        lambda: blob.set_blob_tags({"a": "b"}),
    ):
        with pytest.raises(HttpResponseError, match="What runs locally") as refused:
            call()
        assert (refused.value.status_code, refused.value.error_code) == (501, "NotImplemented")


@pytest.mark.parametrize(
    "body", [b"", b"<", b"<!DOCTYPE a><BlockList/>", b"\xff\xfe", b"<BlockList><Latest>!</Latest></BlockList>"]
)
def test_bad_block_lists(container, key, body):
    sas = generate_account_sas(ACCOUNT, key, "sco", "rwdlc", soon())
    answer = requests.put(f"{container.url}/a?comp=blocklist&{sas}", body, timeout=120)
    assert answer.status_code == 400 and answer.headers["x-ms-error-code"].startswith("Invalid")
