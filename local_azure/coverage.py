"""What of Microsoft's clients is answered: writes COVERAGE.md.   python -m local_azure.coverage

The operations are read from the client classes themselves: a test notices a new one in a newer SDK. What becomes of
each is said in the tables below, which the contract tests keep honest.
"""

import inspect
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from .services.language.kinds import KINDS, LANGUAGE_VERSIONS, OLDER_VERSIONS

FILE = Path(__file__).with_name("COVERAGE.md")
ANSWERED = "answered"
REFUSED = "refused as Azure refuses"
NOT_YET = "not yet"
STATES = (ANSWERED, REFUSED, NOT_YET)
# Of the client object itself: nothing is sent, or only what the caller writes
NOT_OPERATIONS = (
    "close", "send_request", "from_blob_url", "from_connection_string", "from_container_url", "get_blob_client",
    "get_container_client",
)  # fmt: skip


@dataclass(frozen=True)
class Client:
    """A client class of an SDK, and what becomes of each operation: (state, remark)."""

    package: str
    service: str
    names: tuple[str, ...]  # module:class, synchronous and, where there is one, asynchronous
    operations: dict[str, tuple[str, str]]


def _client(package, service, name, answered="", refused=(), not_yet="", remarks=None):
    """A client class, or one group of a client's operations; names of operations between spaces."""
    names = {name: ANSWERED for name in answered.split()} | {name: NOT_YET for name in not_yet.split()}
    named = {name: (state, (remarks or {}).get(name, "")) for name, state in names.items()}
    named |= {name: (REFUSED, reason) for name, reason in dict(refused).items()}
    return Client(package, service, (name,), named)


def _machine_learning(attribute, cls, answered="", refused=(), not_yet="", remarks=None):
    service, name = f"Azure Machine Learning, MLClient.{attribute}", f"azure.ai.ml.operations:{cls}"
    return _client("azure-ai-ml", service, name, answered, refused, not_yet, remarks)


def _subscriptions(attribute, cls, answered="", not_yet=""):
    package, client = "azure-mgmt-resource-subscriptions", "SubscriptionClient"
    service = f"Azure Resource Manager, {client}" + (f".{attribute}" if attribute else "")
    module = "azure.mgmt.resource.subscriptions" + (".operations" if attribute else "")
    return _client(package, service, f"{module}:{cls}", answered, (), not_yet)


def _resources(attribute, cls, answered="", not_yet="", remarks=None):
    service = f"Azure Resource Manager, ResourceManagementClient.{attribute}"
    name = f"azure.mgmt.resource.resources.operations:{cls}"
    return _client("azure-mgmt-resource", service, name, answered, (), not_yet, remarks)


def _accounts(attribute, cls, answered="", not_yet="", remarks=None):
    client = "CognitiveServicesManagementClient"
    service = f"Accounts of Foundry and Language, {client}" + (f".{attribute}" if attribute else "")
    module = "azure.mgmt.cognitiveservices" + (".operations" if attribute else "")
    return _client("azure-mgmt-cognitiveservices", service, f"{module}:{cls}", answered, (), not_yet, remarks)


def _blobs(cls, answered="", not_yet="", remarks=None):
    name = f"azure.storage.blob:{cls}"
    return _client("azure-storage-blob", f"Azure Blob Storage, {cls}", name, answered, (), not_yet, remarks)


SHARE = {"share": "copied into a registry, with its files"}
NO_INSTANCE = "only compute instances have it; clusters are what is here"
MACHINE_LEARNING = (
    _machine_learning(
        "workspaces", "WorkspaceOperations",
        "begin_create begin_delete begin_sync_keys begin_update get get_keys list",
        not_yet="begin_diagnose begin_provision_network",
        remarks={"begin_create": "no hub, project or feature store", "begin_provision_network": "there is no network"},
    ),
    _machine_learning(
        "compute", "ComputeOperations",
        "begin_create_or_update begin_delete begin_update get list list_nodes list_sizes list_usage",
        refused=dict.fromkeys(("begin_restart", "begin_start", "begin_stop"), NO_INSTANCE),
        not_yet="begin_attach enable_sso",
        remarks={
            "begin_create_or_update": "clusters; each node is a process here, whatever size it is said to have",
            "list_sizes": "some of Azure's",
        },
    ),
    _machine_learning(
        "datastores", "DatastoreOperations", "create_or_update delete get get_default list", not_yet="mount",
        remarks={"create_or_update": "containers of blobs", "mount": "needs a package that is not in this course"},
    ),
    _machine_learning(
        "data", "DataOperations", "archive create_or_update get list restore share",
        not_yet="import_data list_materialization_status mount", remarks=SHARE,
    ),
    _machine_learning(
        "environments", "EnvironmentOperations", "archive create_or_update get list restore share",
        remarks={"create_or_update": "recorded; images are not built", **SHARE},
    ),
    _machine_learning(
        "models", "ModelOperations", "archive create_or_update download get list restore share", not_yet="package",
        remarks=SHARE,
    ),
    _machine_learning(
        "components", "ComponentOperations", "archive create_or_update download get list restore validate",
        not_yet="prepare_for_sign",
        remarks={"validate": "by the SDK itself", "prepare_for_sign": "not tried; the SDK does it by itself"},
    ),
    _machine_learning(
        "jobs", "JobOperations",
        "archive begin_cancel begin_delete create_or_update download get list restore show_services stream update "
        "validate",
        remarks={
            "create_or_update": "command, sweep and pipeline jobs; automated ML for classification and regression of "
            "tables",
        },
    ),
    _machine_learning(
        "registries", "RegistryOperations", "begin_create begin_delete get list",
        remarks={"begin_create": "with a storage account of its own making; no container registry is made"},
    ),
    _machine_learning(
        "schedules", "ScheduleOperations",
        "begin_create_or_update begin_delete begin_disable begin_enable get list trigger",
        remarks={
            "begin_create_or_update": "of jobs; monitors and imports of data are not there. "
            "A schedule fires only while the local Azure runs",
        },
    ),
    _machine_learning(
        "online_endpoints", "OnlineEndpointOperations",
        "begin_create_or_update begin_delete begin_regenerate_keys get get_keys invoke list",
    ),
    _machine_learning(
        "online_deployments", "OnlineDeploymentOperations",
        "begin_create_or_update begin_delete get get_logs list",
    ),
    _machine_learning(
        "batch_endpoints", "BatchEndpointOperations",
        "begin_create_or_update begin_delete get invoke list list_jobs",
        remarks={"invoke": "each mini-batch is scored by a process on this machine, whose Python has the packages"},
    ),
    _machine_learning(
        "batch_deployments", "BatchDeploymentOperations",
        "begin_create_or_update begin_delete get list list_jobs",
    ),
    _machine_learning("connections", "WorkspaceConnectionsOperations", not_yet="create_or_update delete get list"),
    _machine_learning(
        "feature_stores", "FeatureStoreOperations", "list",
        not_yet="begin_create begin_delete begin_provision_network begin_update get",
        remarks={"list": "there are none"},
    ),
    _machine_learning(
        "feature_sets", "FeatureSetOperations",
        not_yet="archive begin_backfill begin_create_or_update get get_feature list list_features "
        "list_materialization_operations restore",
    ),
    _machine_learning(
        "feature_store_entities", "FeatureStoreEntityOperations",
        not_yet="archive begin_create_or_update get list restore",
    ),
    _machine_learning(
        "evaluators", "EvaluatorOperations", not_yet="create_or_update download get list",
        remarks={"list": "Azure keeps evaluators as models, which are here; not tried"},
    ),
    _machine_learning("indexes", "IndexOperations", not_yet="build_index create_or_update get list"),
    _machine_learning(
        "serverless_endpoints", "ServerlessEndpointOperations",
        not_yet="begin_create_or_update begin_delete begin_regenerate_keys get get_keys list",
    ),
    _machine_learning(
        "marketplace_subscriptions", "MarketplaceSubscriptionOperations",
        not_yet="begin_create_or_update begin_delete get list",
    ),
    _machine_learning(
        "deployment_templates", "DeploymentTemplateOperations",
        not_yet="archive create_or_update delete get list restore", remarks={"list": "in registries only"},
    ),
    _machine_learning(
        "workspace_outbound_rules", "WorkspaceOutboundRuleOperations",
        not_yet="begin_create begin_remove begin_update get list",
    ),
    _machine_learning("azure_openai_deployments", "AzureOpenAIDeploymentOperations", not_yet="list"),
    _machine_learning(
        "capability_hosts", "CapabilityHostsOperations", not_yet="begin_create_or_update begin_delete get"
    ),
)  # fmt: skip

MANAGEMENT = (
    _subscriptions("", "SubscriptionClient", "check_resource_name"),
    _subscriptions("subscriptions", "SubscriptionsOperations", "check_zone_peers get list list_locations"),
    _subscriptions("tenants", "TenantsOperations", "list"),
    _subscriptions("operations", "Operations", not_yet="list"),
    _resources(
        "resource_groups", "ResourceGroupsOperations", "begin_delete check_existence create_or_update get list update",
        "begin_export_template",
    ),
    _resources(
        "resources", "ResourcesOperations",
        "begin_create_or_update begin_create_or_update_by_id begin_delete begin_delete_by_id begin_update "
        "begin_update_by_id check_existence check_existence_by_id get get_by_id list list_by_resource_group",
        "begin_move_resources begin_validate_move_resources",
        {"begin_create_or_update": "of the types that are here; each provider answers for its own"},
    ),
    _resources(
        "tags", "TagsOperations",
        "begin_create_or_update_at_scope begin_delete_at_scope begin_update_at_scope get_at_scope",
        "create_or_update create_or_update_value delete delete_value list",
    ),
    _resources(
        "providers", "ProvidersOperations", "get get_at_tenant_scope list list_at_tenant_scope register unregister",
        "provider_permissions register_at_management_group_scope", {"list": "those that have something here"},
    ),
    _resources("provider_resource_types", "ProviderResourceTypesOperations", "list"),
    _resources("operations", "Operations", not_yet="list"),
    _accounts(
        "accounts", "AccountsOperations",
        "begin_create begin_delete begin_update get list list_by_resource_group list_keys list_models list_skus "
        "list_usages regenerate_key",
        remarks={
            "begin_create": "kinds AIServices, CognitiveServices, OpenAI and TextAnalytics; others are refused by name",
            "list_models": "a few of Azure's; none can be deployed yet",
            "list_usages": "of what Azure counts there nothing is here",
        },
    ),
    _accounts("deleted_accounts", "DeletedAccountsOperations", "begin_purge get list"),
    _accounts(
        "", "CognitiveServicesManagementClient", "check_domain_availability check_sku_availability",
        "calculate_model_capacity",
    ),
    _accounts("resource_skus", "ResourceSkusOperations", "list"),
    _accounts("usages", "UsagesOperations", "list", remarks={"list": "the number of accounts in a region"}),
    _accounts("models", "ModelsOperations", "list", remarks={"list": "a few of Azure's"}),
    _accounts("operations", "Operations", not_yet="list"),
    _accounts("commitment_tiers", "CommitmentTiersOperations", not_yet="list"),
    _accounts("location_based_model_capacities", "LocationBasedModelCapacitiesOperations", not_yet="list"),
    _accounts("model_capacities", "ModelCapacitiesOperations", not_yet="list"),
    _accounts(
        "private_endpoint_connections", "PrivateEndpointConnectionsOperations",
        not_yet="begin_create_or_update begin_delete get list",
    ),
    _accounts("private_link_resources", "PrivateLinkResourcesOperations", not_yet="list"),
    _accounts(
        "deployments", "DeploymentsOperations",
        not_yet="begin_create_or_update begin_delete begin_update get list list_skus",
    ),
    _accounts(
        "commitment_plans", "CommitmentPlansOperations",
        not_yet="begin_create_or_update_association begin_create_or_update_plan begin_delete begin_delete_association "
        "begin_delete_plan begin_update_plan create_or_update get get_association get_plan list list_associations "
        "list_plans_by_resource_group list_plans_by_subscription",
    ),
    *(
        _accounts(attribute, cls, not_yet="begin_delete create_or_update get list")
        for attribute, cls in (
            ("encryption_scopes", "EncryptionScopesOperations"),
            ("rai_policies", "RaiPoliciesOperations"),
            ("rai_blocklists", "RaiBlocklistsOperations"),
            ("rai_topics", "RaiTopicsOperations"),
        )
    ),
    _accounts(
        "rai_blocklist_items", "RaiBlocklistItemsOperations",
        not_yet="batch_add batch_delete begin_delete create_or_update get list",
    ),
    _accounts("rai_content_filters", "RaiContentFiltersOperations", not_yet="get list"),
    _accounts(
        "network_security_perimeter_configurations", "NetworkSecurityPerimeterConfigurationsOperations",
        not_yet="begin_reconcile get list",
    ),
    _accounts(
        "defender_for_ai_settings", "DefenderForAISettingsOperations", not_yet="create_or_update get list update"
    ),
    _accounts("projects", "ProjectsOperations", not_yet="begin_create begin_delete begin_update get list"),
    *(
        _accounts(attribute, cls, not_yet="create delete get list update")
        for attribute, cls in (
            ("account_connections", "AccountConnectionsOperations"),
            ("project_connections", "ProjectConnectionsOperations"),
        )
    ),
    *(
        _accounts(attribute, cls, not_yet="begin_create_or_update begin_delete get")
        for attribute, cls in (
            ("account_capability_hosts", "AccountCapabilityHostsOperations"),
            ("project_capability_hosts", "ProjectCapabilityHostsOperations"),
        )
    ),
    _accounts("quota_tiers", "QuotaTiersOperations", not_yet="create_or_update get list_by_subscription update"),
)  # fmt: skip

STORAGE = (
    _blobs(
        "BlobServiceClient",
        "create_container delete_container get_account_information get_service_properties list_containers",
        "find_blobs_by_tags get_service_stats get_user_delegation_key set_service_properties undelete_container",
    ),
    _blobs(
        "ContainerClient",
        "create_container delete_blob delete_container download_blob exists get_container_properties "
        "list_blob_names list_blobs set_container_metadata upload_blob walk_blobs",
        "acquire_lease delete_blobs find_blobs_by_tags get_account_information get_container_access_policy "
        "set_container_access_policy set_premium_page_blob_tier_blobs set_standard_blob_tier_blobs",
    ),
    _blobs(
        "BlobClient",
        "commit_block_list delete_blob download_blob exists get_blob_properties get_block_list set_blob_metadata "
        "set_http_headers stage_block upload_blob",
        "abort_copy acquire_lease append_block append_block_from_url clear_page create_append_blob create_page_blob "
        "create_snapshot delete_immutability_policy get_account_information get_blob_tags "
        "get_page_range_diff_for_managed_disk get_page_ranges list_page_ranges query_blob resize_blob seal_append_blob "
        "set_blob_tags set_immutability_policy set_legal_hold set_premium_page_blob_tier set_sequence_number "
        "set_standard_blob_tier stage_block_from_url start_copy_from_url undelete_blob upload_blob_from_url "
        "upload_page upload_pages_from_url",
        {"upload_blob": "block blobs; page blobs and append blobs are not there"},
    ),
)  # fmt: skip

OWN_MODEL = "needs a model trained in your own Azure project"
CLIENTS = (
    Client(
        "azure-ai-textanalytics",
        "Azure Language",
        ("azure.ai.textanalytics:TextAnalyticsClient", "azure.ai.textanalytics.aio:TextAnalyticsClient"),
        {
            "analyze_sentiment": (ANSWERED, "with opinion mining, which is English only"),
            "begin_abstract_summary": (ANSWERED, "sentences of the text, shortened"),
            "begin_analyze_actions": (ANSWERED, "each action as its own operation: answered, or refused in its place"),
            "begin_analyze_healthcare_entities": (REFUSED, "no medical model is good enough and open"),
            "begin_extract_summary": (ANSWERED, ""),
            "begin_multi_label_classify": (REFUSED, OWN_MODEL),
            "begin_recognize_custom_entities": (REFUSED, OWN_MODEL),
            "begin_single_label_classify": (REFUSED, OWN_MODEL),
            "detect_language": (ANSWERED, ""),
            "extract_key_phrases": (ANSWERED, ""),
            "recognize_entities": (ANSWERED, ""),
            "recognize_linked_entities": (REFUSED, "no knowledge base to link to"),
            "recognize_pii_entities": (ANSWERED, "a filter that names a category the engine lacks is refused"),
        },
    ),
    *MACHINE_LEARNING,
    *MANAGEMENT,
    *STORAGE,
)


def operations(name):
    """The public operations of a client class, given as module:class."""
    module, _, cls = name.partition(":")
    members = inspect.getmembers(getattr(import_module(module), cls), callable)
    return sorted(found for found, _ in members if found[0] != "_" and found not in NOT_OPERATIONS)


def counted(client):
    """How many operations are in each state, in words."""
    states = [state for state, _ in client.operations.values()]
    return ", ".join(f"{states.count(state)} {state}" for state in STATES)


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def of_client(client):
    """The section of one client."""
    found = [set(operations(name)) for name in client.names]
    rows = []
    for operation in sorted(set().union(*found)):
        state, remark = client.operations.get(operation, (NOT_YET, ""))
        where = ["yes" if operation in one else "–" for one in found] if len(found) > 1 else []
        rows.append([f"`{operation}`", *where, state, remark])
    head = f"## {client.service}: `{client.package}`"
    names = ["Operation", *(["Sync", "Async"] if len(found) > 1 else []), "Here", "Remark"]
    return f"{head}\n\n{len(rows)} operations: {counted(client)}.\n\n{table(names, rows)}"


def of_language():
    """The kinds of analysis by the versions of the API in which they can be asked for."""
    rows = []
    for kind in KINDS.values():
        older = ["yes" if kind.path and one >= kind.older_since else "–" for one in OLDER_VERSIONS]
        newer = ["yes" if one >= kind.since else "–" for one in LANGUAGE_VERSIONS]
        where = [way for way, there in (("call", kind.most), ("job", kind.in_jobs)) if there]
        rows.append([kind.name, *older, *newer, " and ".join(where), REFUSED if kind.missing else ANSWERED])
    names = ["Kind", *OLDER_VERSIONS, *LANGUAGE_VERSIONS, "As", "Here"]
    return f"### Azure Language by api-version\n\n{table(names, rows)}"


def text():
    """The whole of COVERAGE.md."""
    intro = """# Coverage

What the local Azure answers, of every operation that the SDK clients in this course have. *Refused as Azure refuses*
means an error in the service's own shape, with a sentence that says why and where to read more: nothing is made up.
*Not yet* is answered with 501 and such a sentence too; with 400 at a workspace's own addresses, whose clients
try again for minutes after a 5xx. How good the answers are is another matter, measured in
`engines/README.md`.

This file is written by `python -m local_azure.coverage`; a test fails when it is out of date."""
    language, *others = CLIENTS
    return "\n\n".join([intro, of_client(language), of_language(), *map(of_client, others)]) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"{FILE.name} is written.")
