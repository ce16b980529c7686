"""Azure Resource Manager's limits, in one place, with the source of each.

[limits] learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
[tags]   learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
[names]  learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
"""

from ...errors import AzureError
from . import arm

GROUPS = 980  # in a subscription [limits]
GROUP_NAME = 90  # characters [names]
TAGS = 50  # of a resource, a group or a subscription [limits]
TAG_NAME = 512  # characters [tags]
TAG_VALUE = 256  # characters [tags]
NOT_IN_TAG_NAMES = "<>%&\\?/"  # [tags]


def tags_of(body):
    """The tags that were sent, {} for none; 400 for what cannot be tags.

    The codes are Azure's as far as we know them; of the messages only the first is known from Azure, the others say
    the same in our words.
    """
    tags = arm.expect(body, "tags", dict, {})
    if len(tags) > TAGS:
        message = (
            f"Too many tags on the resource/resource group. Requested tag count - '{len(tags)}'. Maximum number of "
            f"tags allowed - '{TAGS}'."
        )
        raise AzureError(400, "TooManyTags", message)
    for name, value in tags.items():
        if not isinstance(value, str):
            message = f"The value of the tag '{name:.80}' must be a string; it is {value!r:.80}."
            raise AzureError(400, "InvalidRequestContent", message)
        if not name.strip() or len(name) > TAG_NAME:
            raise AzureError(400, "InvalidTagNameLength", f"The name of a tag has 1 to {TAG_NAME} characters.")
        if set(name) & set(NOT_IN_TAG_NAMES):
            message = f"The tag name '{name:.80}' has a character of {', '.join(NOT_IN_TAG_NAMES)}, which it must not."
            raise AzureError(400, "InvalidTagNameCharacters", message)
        if len(value) > TAG_VALUE:
            message = f"The value of the tag '{name:.80}' has more than {TAG_VALUE} characters."
            raise AzureError(400, "InvalidTagValueLength", message)
    if len({name.lower() for name in tags}) < len(tags):
        message = "Two names of tags differ in their case only; to Azure they are one name."
        raise AzureError(400, "InvalidRequestContent", message)
    return tags
