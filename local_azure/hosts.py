"""Which host names are Azure's. The proxy answers for them and never lets one through to the internet."""

UPSTREAM_VARIABLE = "LOCAL_AZURE_UPSTREAM_PROXY"  # names the proxy that was in force before ours

AZURE_SUFFIXES = (
    ".azure.com", ".azure.net", ".windows.net", ".azureml.ms", ".azureml.net", ".azurewebsites.net", ".azurecr.io",
    ".microsoftonline.com", ".msauth.net", ".microsoftazure.com", ".trafficmanager.net",
    ".azure.cn", ".chinacloudapi.cn", ".azure.us", ".usgovcloudapi.net", ".microsoftonline.us",
    # microsoft.com and visualstudio.com are sites too (documentation, packages): only their service names are ours
    ".cognitive.microsoft.com", ".speech.microsoft.com", ".platform.bing.com", "graph.microsoft.com",
    ".events.data.microsoft.com", ".services.visualstudio.com",
    # azure-ai-ml looks here for a schema of each MLTable; without internet it waits five seconds and goes on
    "azuremlschemasprod.azureedge.net",
)  # fmt: skip

TELEMETRY_SUFFIXES = (
    ".applicationinsights.azure.com", ".livediagnostics.monitor.azure.com", ".services.visualstudio.com",
    ".events.data.microsoft.com",
)  # fmt: skip


def _ends(host, suffixes):
    host = host.lower().rstrip(".")
    return any(host == suffix.lstrip(".") or (suffix[0] == "." and host.endswith(suffix)) for suffix in suffixes)


def is_azure(host):
    return _ends(host, AZURE_SUFFIXES)


def is_telemetry(host):
    """Where SDKs report their own use to Microsoft. Swallowed, and not sent."""
    return _ends(host, TELEMETRY_SUFFIXES)
