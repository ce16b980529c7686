"""Compute clusters: how many jobs run at once."""

from starlette.responses import JSONResponse

from . import arm


def create_cluster(state, workspace, name, size="Standard_DS3_v2", least=0, most=1):
    """A cluster of `least` to `most` nodes. Returns the resource."""
    scale = {"minNodeCount": least, "maxNodeCount": most, "nodeIdleTimeBeforeScaleDown": "PT2M"}
    properties = {
        "computeType": "AmlCompute",
        "computeLocation": arm.REGION,
        "provisioningState": "Succeeded",
        "isAttachedCompute": False,
        "disableLocalAuth": True,
        "properties": {
            "osType": "Linux", "vmSize": size, "vmPriority": "Dedicated", "scaleSettings": scale,
            "allocationState": "Steady", "currentNodeCount": 0, "targetNodeCount": 0, "enableNodePublicIp": True,
        },
    }  # fmt: skip
    return arm.put(state, f"{workspace}/computes/{name}", {"location": arm.REGION, "properties": properties})


async def read(request):
    path = f"{arm.workspace_of(request)}/computes/{request.path_params['name']}"
    return JSONResponse(arm.get(request.app.state, path))


async def listed(request):
    return arm.page(request, arm.children(request.app.state, f"{arm.workspace_of(request)}/computes"))


routes = [
    arm.route(f"{arm.WORKSPACE}/computes", listed),
    arm.route(f"{arm.WORKSPACE}/computes/{{name}}", read),
]
