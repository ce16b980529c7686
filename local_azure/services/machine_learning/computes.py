"""Compute clusters: how many jobs run at once. A node is a process on this machine, whatever its size is said to be."""

import re

from starlette.responses import JSONResponse, Response

from . import arm, limits

# name: (vCPUs, GB of memory, GPUs, family). Of Azure's long list, those that its own examples ask for. The names of the
# GPU families are from memory; cores and memory are those of Microsoft's pages on sizes.
SIZES = {
    "Standard_DS1_v2": (1, 3.5, 0, "standardDSv2Family"),
    "Standard_DS2_v2": (2, 7, 0, "standardDSv2Family"),
    "Standard_DS3_v2": (4, 14, 0, "standardDSv2Family"),
    "Standard_DS4_v2": (8, 28, 0, "standardDSv2Family"),
    "Standard_DS5_v2": (16, 56, 0, "standardDSv2Family"),
    "Standard_DS11_v2": (2, 14, 0, "standardDSv2Family"),
    "Standard_DS12_v2": (4, 28, 0, "standardDSv2Family"),
    "Standard_DS15_v2": (20, 140, 0, "standardDSv2Family"),
    "Standard_D2_v2": (2, 7, 0, "standardDv2Family"),
    "Standard_D3_v2": (4, 14, 0, "standardDv2Family"),
    "Standard_D12_v2": (4, 28, 0, "standardDv2Family"),
    "Standard_D2_v3": (2, 8, 0, "standardDv3Family"),
    "Standard_D2s_v3": (2, 8, 0, "standardDSv3Family"),
    "Standard_D4s_v3": (4, 16, 0, "standardDSv3Family"),
    "Standard_D2as_v4": (2, 8, 0, "standardDASv4Family"),
    "Standard_D4as_v4": (4, 16, 0, "standardDASv4Family"),
    "Standard_E4ds_v4": (4, 32, 0, "standardEDSv4Family"),
    "Standard_E4s_v3": (4, 32, 0, "standardESv3Family"),
    "Standard_E8s_v3": (8, 64, 0, "standardESv3Family"),
    "Standard_E16s_v3": (16, 128, 0, "standardESv3Family"),
    "Standard_E64s_v3": (64, 432, 0, "standardESv3Family"),
    "Standard_F2s_v2": (2, 4, 0, "standardFSv2Family"),
    "Standard_F4s_v2": (4, 8, 0, "standardFSv2Family"),
    "Standard_NC6": (6, 56, 1, "standardNCFamily"),
    "Standard_NC12": (12, 112, 2, "standardNCFamily"),
    "Standard_NC24": (24, 224, 4, "standardNCFamily"),
    "Standard_NC24r": (24, 224, 4, "standardNCFamily"),
    "Standard_NC6s_v3": (6, 112, 1, "standardNCSv3Family"),
    "Standard_NC12s_v3": (12, 224, 2, "standardNCSv3Family"),
    "Standard_NC24s_v3": (24, 448, 4, "standardNCSv3Family"),
    "Standard_NC24rs_v3": (24, 448, 4, "standardNCSv3Family"),
    "Standard_NC4as_T4_v3": (4, 28, 1, "standardNCASv3_T4Family"),
    "Standard_NC24ads_A100_v4": (24, 220, 1, "standardNCADSA100v4Family"),
    "Standard_NC48ads_A100_v4": (48, 440, 2, "standardNCADSA100v4Family"),
    "Standard_ND40rs_v2": (40, 672, 8, "standardNDSv2Family"),
    "Standard_ND96amsr_A100_v4": (96, 1900, 8, "standardNDAMSv4_A100Family"),
}
SDK_DEFAULT = "STANDARD_DS3_V2"  # what azure-ai-ml sends, in this spelling, for a cluster whose size nobody named
# vCPUs of a family. Microsoft's page on quotas: 24 to 300 of each family, by the kind of subscription; none with GPUs,
# until they are asked for.
QUOTA = 100
NO_GPUS = 0


def quota_of(family):
    """vCPUs of a family that this subscription may use."""
    return NO_GPUS if family.lower().startswith("standardn") else QUOTA


def create_cluster(state, workspace, name, size="Standard_DS3_v2", least=0, most=1, **more):
    """A cluster of `least` to `most` nodes. Returns the resource."""
    scale = {"minNodeCount": least, "maxNodeCount": most, "nodeIdleTimeBeforeScaleDown": "PT2M"}
    return _put(state, workspace, name, {"vmSize": size, "scaleSettings": scale, **more})


def _put(state, workspace, name, inner, body=None):
    """Keep a cluster. inner: properties.properties of ARM. body: the rest of what was sent."""
    body = body or {}
    given = body.get("properties") or {}
    inner = {
        "osType": "Linux", "vmPriority": "Dedicated", "isolatedNetwork": False, "enableNodePublicIp": True,
        "remoteLoginPortPublicAccess": "NotSpecified",
        **{key: value for key, value in inner.items() if value is not None},
        "allocationState": "Steady", "currentNodeCount": 0, "targetNodeCount": 0, "errors": None,
    }  # fmt: skip
    inner.pop("userAccountCredentials", None)  # there is no machine to log in to
    before = arm.find(state, f"{workspace}/computes/{name}")
    properties = {
        "computeType": "AmlCompute", "computeLocation": arm.REGION, "provisioningState": "Succeeded",
        "provisioningErrors": None, "isAttachedCompute": False, "resourceId": None,
        "description": arm.expect(given, "description", str),
        "disableLocalAuth": bool(given.get("disableLocalAuth", True)),
        "createdOn": before["properties"]["createdOn"] if before else arm.now(), "modifiedOn": arm.now(),
        "properties": inner,
    }  # fmt: skip
    resource = {"location": arm.REGION, "tags": arm.expect(body, "tags", dict, {}), "properties": properties}
    if identity := arm.expect(body, "identity", dict):
        resource["identity"] = identity
    return arm.put(state, f"{workspace}/computes/{name}", resource)


def get(state, workspace, name):
    """A compute; 404 if there is none of that name."""
    return arm.get(state, f"{workspace}/computes/{name}")


def _invalid(message, target=None):
    return arm.user_error(message, inner="InvalidPropertyValue", target=target)


def _scale(inner):
    """The node counts of scaleSettings, checked."""
    scale = arm.expect(inner, "scaleSettings", dict, {})
    least, most = scale.get("minNodeCount", 0), scale.get("maxNodeCount")
    if not all(isinstance(count, int) and not isinstance(count, bool) for count in (least, most)):
        raise _invalid("scaleSettings needs minNodeCount and maxNodeCount, whole numbers.", "scaleSettings")
    if most > limits.NODES:
        raise _invalid(f"A cluster has at most {limits.NODES} nodes; maxNodeCount is {most}.", "maxNodeCount")
    if not 0 <= least <= most or most < 1:
        message = f"A cluster of {least} to {most} nodes cannot be: 0 <= minNodeCount <= maxNodeCount, at least one."
        raise _invalid(message, "scaleSettings")
    return {"nodeIdleTimeBeforeScaleDown": "PT2M", **scale, "minNodeCount": least, "maxNodeCount": most}


def _over_quota(size, least):
    """Why a cluster cannot be: (code, message), or None. Azure asks for one node, or for the least there shall be;
    a largest number that is above the quota is taken, and the cluster then grows as far as the quota goes.
    """
    vcpus, _, _, family = SIZES[size]
    nodes = max(1, least)
    if vcpus * nodes <= quota_of(family):
        return None
    name = _spoken(family)
    # code and words as users of Azure have reported them (github.com/ansible-collections/azure/pull/2209,
    # dotnet/machinelearning-modelbuilder/issues/2140), the spelling of "accomodate" included
    message = (
        f"The specified subscription has a {name} vCPU quota of {quota_of(family)} and cannot accomodate for at least "
        f"{nodes} requested managed compute node{'s' if nodes > 1 else ''} which maps to {vcpus * nodes} vCPUs. Talk "
        f"to your Subscription Admin or refer to https://docs.microsoft.com/azure/machine-learning/how-to-manage-quotas"
        f"#request-quota-increases to increase the {name} vCPU quota"
    )
    return "ClusterMinNodesExceedCoreQuota", message


def _spoken(family):
    """A family as Azure writes it in sentences: Standard NCSv3 family."""
    return f"Standard {family.removeprefix('standard').removesuffix('Family').replace('_', ' ')} family"


def _cores_in_use(state, compute):
    """vCPUs of a cluster's nodes that are there now: what counts against a quota."""
    inner = compute["properties"]["properties"]
    return SIZES[inner["vmSize"]][0] * max(_nodes(state, compute), inner["scaleSettings"]["minNodeCount"])


def most_nodes(compute):
    """How many nodes a cluster can grow to: its own largest number, or what the quota lets it have."""
    inner = compute["properties"]["properties"]
    vcpus, _, _, family = SIZES[inner["vmSize"]]
    return min(inner["scaleSettings"]["maxNodeCount"], quota_of(family) // vcpus)


def _nodes(state, compute):
    """The nodes that run jobs now."""
    return min(_busy(state, compute), most_nodes(compute))


def _family(compute):
    return SIZES[compute["properties"]["properties"]["vmSize"]][3]


def _described(state, compute):
    """A cluster as it is sent: its nodes are the jobs that run on it now."""
    busy = _nodes(state, compute)
    counts = {"idleNodeCount": 0, "runningNodeCount": busy, "preparingNodeCount": 0, "unusableNodeCount": 0}
    counts |= {"leavingNodeCount": 0, "preemptedNodeCount": 0}
    inner = compute["properties"]["properties"] | {"currentNodeCount": busy, "targetNodeCount": busy}
    inner["nodeStateCounts"] = counts
    return compute | {"properties": compute["properties"] | {"properties": inner}}


def _busy(state, compute):
    nodes = getattr(state, "ml_nodes", None)  # there once the first job was started
    return nodes.used(compute["id"].lower()) if nodes else 0


async def read(request):
    return JSONResponse(_described(request.app.state, _named(request)))


def _named(request):
    return get(request.app.state, arm.workspace_of(request), request.path_params["name"])


async def listed(request):
    state = request.app.state
    found = arm.children(state, f"{arm.workspace_of(request)}/computes")
    return arm.page(request, [_described(state, one) for one in found])


async def write(request):
    """PUT …/computes/{name}: a cluster is made, or scaled."""
    state, workspace, name = request.app.state, arm.workspace_of(request), request.path_params["name"]
    body = await arm.body_of(request)
    given = arm.properties_of(body)
    if given.get("computeType") != "AmlCompute":
        raise arm.not_yet(f"compute of the type {given.get('computeType')}", "It has clusters (AmlCompute).")
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9-]{1,31}", name):
        message = f"{name!r} cannot be the name of a cluster: 2 to 32 letters, digits and hyphens, a letter first."
        raise arm.user_error(message, inner="InvalidName", target="name")
    inner = given.get("properties")
    if not isinstance(inner, dict):
        raise _invalid("A cluster needs properties.properties with vmSize and scaleSettings.", "properties")
    _refuse_unkept(inner)
    before = arm.find(state, f"{workspace}/computes/{name}")
    if before and inner.get("vmSize") in (None, SDK_DEFAULT):  # scaled, and its size not named: it stays as it is
        inner |= {"vmSize": before["properties"]["properties"]["vmSize"]}
    size = next((one for one in SIZES if one.lower() == str(inner.get("vmSize")).lower()), None)
    if not size:
        message = f"{inner.get('vmSize')!r} is not a size of machine that this region has: {', '.join(SIZES)}."
        raise _invalid(message, "vmSize")
    if before and before["properties"]["properties"]["vmSize"] != size:
        raise _invalid(f"The size of {name} cannot be changed. Make another cluster.", "vmSize")
    scale = _scale(inner)
    if refused := _over_quota(size, scale["minNodeCount"]):
        return _failed(request, f"{workspace}/computes/{name}", *refused)
    resource = _put(state, workspace, name, inner | {"vmSize": size, "scaleSettings": scale}, body)
    return arm.done(request, resource, 200 if before else 201)


def _refuse_unkept(inner):
    """501 for what a cluster can have on Azure and would silently not have here."""
    if inner.get("subnet"):
        raise arm.not_yet("virtual network for a cluster (network_settings)", "Its nodes are processes here.")
    if inner.get("userAccountCredentials"):
        raise arm.not_yet("machine of a cluster to log in to (ssh_settings)", "Its nodes are processes here.")


def _failed(request, path, code, message):
    """The answer to a request whose work was begun and has failed: a client learns it when it waits for the result."""
    operation = arm.start_operation(request.app.state, path)
    detail = {"code": code, "message": message}
    error = {"code": "BadRequest", "message": message, "details": [detail]}
    arm.finish_operation(request.app.state, operation, "Failed", error)
    shown = {"id": path, "name": arm.name_of(path), "type": arm.type_of(path)}
    properties = {"computeType": "AmlCompute", "provisioningState": "Creating"}
    return arm.accepted(request, operation, shown | {"properties": properties})


async def change(request):
    """PATCH …/computes/{name}: scale."""
    state, compute = request.app.state, _named(request)
    given = arm.expect(arm.properties_of(await arm.body_of(request)), "properties", dict, {})
    inner = compute["properties"]["properties"]
    scale = _scale({"scaleSettings": inner["scaleSettings"] | arm.expect(given, "scaleSettings", dict, {})})
    workspace = arm.workspace_of(request)
    if refused := _over_quota(inner["vmSize"], scale["minNodeCount"]):
        return _failed(request, compute["id"], *refused)
    resource = _put(state, workspace, compute["name"], inner | {"scaleSettings": scale}, compute)
    return arm.done(request, resource, 200)


async def remove(request):
    state, path = request.app.state, f"{arm.workspace_of(request)}/computes/{request.path_params['name']}"
    if request.query_params.get("underlyingResourceAction") not in ("Delete", "Detach"):
        message = "The query needs underlyingResourceAction, Delete or Detach."
        raise arm.user_error(message, inner="MissingField", target="underlyingResourceAction")
    compute = arm.find(state, path)
    if not compute:
        return Response(None, 204)
    if _busy(state, compute):
        message = f"Jobs run on {compute['name']} or wait for it. Cancel them, or wait, before the cluster is deleted."
        raise arm.user_error(message, 409, "ComputeInUse")
    arm.delete(state, path)
    return arm.done(request, compute, 202)


async def list_nodes(request):
    """POST …/listNodes: one for each job that runs."""
    compute = _described(request.app.state, _named(request))
    count = compute["properties"]["properties"]["currentNodeCount"]
    nodes = [{"nodeId": f"{compute['name']}-{number}", "nodeState": "running"} for number in range(count)]
    return JSONResponse({"nodes": nodes})


async def start_or_stop(request):
    _named(request)
    message = "Only compute instances are started and stopped. A cluster starts nodes when a job comes, by itself."
    raise arm.user_error(message, inner="NotSupported")


async def sizes(request):
    """GET …/locations/{location}/vmSizes. Nothing here has a price."""
    found = [
        {
            "name": name, "family": family, "vCPUs": vcpus, "gpus": gpus, "memoryGB": memory, "osVhdSizeMB": 1047552,
            "maxResourceVolumeMB": 0, "lowPriorityCapable": True, "premiumIO": False,
            "supportedComputeTypes": ["AmlCompute"],
        }
        for name, (vcpus, memory, gpus, family) in SIZES.items()
    ]  # fmt: skip
    return JSONResponse({"value": found})


async def usages(request):
    """GET …/locations/{location}/usages: vCPUs of each family that the subscription's clusters could take."""
    state, subscription = request.app.state, request.path_params["subscription"]
    base = f"/subscriptions/{subscription}/"
    clusters = [one for _, one in state.store.items(arm.KIND, base.lower()) if one["type"].endswith("/computes")]
    found = []
    for family in dict.fromkeys(family for *_, family in SIZES.values()):
        used = sum(_cores_in_use(state, one) for one in clusters if _family(one) == family)
        path = f"{base}providers/{arm.PROVIDER}/locations/{arm.REGION}/usages/{family}"
        found.append(
            {
                "id": path, "type": f"{arm.PROVIDER}/locations/usages", "unit": "Count", "currentValue": used,
                "limit": quota_of(family), "amlWorkspaceLocation": arm.REGION,
                "name": {"value": family, "localizedValue": f"{family} cluster dedicated vCPUs"},
            }
        )  # fmt: skip
    return arm.page(request, found)


_ONE = f"{arm.WORKSPACE}/computes/{{name}}"
_LOCATION = f"/subscriptions/{{subscription}}/providers/{arm.PROVIDER}/locations/{{location}}"
routes = [
    arm.route(f"{arm.WORKSPACE}/computes", listed),
    arm.route(_ONE, read),
    arm.route(_ONE, write, ("PUT",)),
    arm.route(_ONE, change, ("PATCH",)),
    arm.route(_ONE, remove, ("DELETE",)),
    arm.route(f"{_ONE}/listNodes", list_nodes, ("POST",)),
    *(arm.route(f"{_ONE}/{action}", start_or_stop, ("POST",)) for action in ("start", "stop", "restart")),
    arm.route(f"{_LOCATION}/vmSizes", sizes),
    arm.route(f"{_LOCATION}/usages", usages),
]
