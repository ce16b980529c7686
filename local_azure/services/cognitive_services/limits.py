"""The limits of accounts, with the source of each.

[spec]    Azure/azure-rest-api-specs, Microsoft.CognitiveServices, stable/2025-09-01: pattern and length of names, and
          the example of usages
[domains] learn.microsoft.com/azure/ai-services/cognitive-services-custom-subdomains
[recover] learn.microsoft.com/azure/ai-services/recover-purge-resources
"""

import re

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", re.ASCII)  # [spec]
NAME_LENGTH = (2, 64)  # [spec]
SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII | re.IGNORECASE)  # [domains]
SUBDOMAIN_LENGTH = (2, 64)  # as of a name; that of a part of a host name is 63 in DNS
ACCOUNTS = 200  # in a region [spec]
FREE = 1  # of a kind in a subscription: Azure's own refusal says so
KEPT_HOURS = 48  # that a deleted account can be restored [recover]


def fits(pattern, length, name):
    return length[0] <= len(name) <= length[1] and pattern.fullmatch(name) is not None
