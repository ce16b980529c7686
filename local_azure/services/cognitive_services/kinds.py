"""The kinds of accounts: their SKUs, regions and endpoints, and what of each answers here.

Sources: SKUs from Microsoft's pages on creating a resource of the kind (TextAnalytics has had S in place of S0 to S4
since 2021); regions of TextAnalytics from *Language service supported regions*, of AIServices from *Microsoft Foundry
feature availability across cloud regions*, both read in 2026; those of OpenAI and CognitiveServices are from memory.
Names of endpoints from accounts in the recordings of azure-cli's own tests (2025); what they look like with a custom
subdomain is from memory for the services of OpenAI and of speech.
"""

from dataclasses import dataclass


def _names(text):
    return tuple(text.split())


LANGUAGE_REGIONS = _names(
    "australiaeast brazilsouth canadacentral canadaeast centralindia centralus eastasia eastus eastus2 francecentral "
    "germanywestcentral italynorth japaneast japanwest jioindiacentral jioindiawest koreacentral northcentralus "
    "northeurope norwayeast qatarcentral southafricanorth southcentralus southeastasia swedencentral switzerlandnorth "
    "uaenorth uksouth ukwest westcentralus westeurope westus westus2 westus3"
)
FOUNDRY_REGIONS = _names(
    "australiaeast brazilsouth canadacentral canadaeast centralindia centralus eastasia eastus eastus2 francecentral "
    "germanywestcentral italynorth japaneast koreacentral northcentralus northeurope norwayeast qatarcentral "
    "southafricanorth southcentralus southindia southeastasia spaincentral swedencentral switzerlandnorth uaenorth "
    "uksouth westeurope westus westus3"
)
OPENAI_REGIONS = _names(
    "australiaeast brazilsouth canadaeast eastus eastus2 francecentral germanywestcentral italynorth japaneast "
    "koreacentral northcentralus norwayeast polandcentral southafricanorth southcentralus southindia spaincentral "
    "swedencentral switzerlandnorth switzerlandwest uaenorth uksouth westeurope westus westus3"
)

_OPENAI = (
    "OpenAI Language Model Instance API", "OpenAI Dall-E API", "OpenAI Sora API", "OpenAI Moderations API",
    "OpenAI Whisper API", "OpenAI Model Scaleset API", "OpenAI Realtime API", "Token Service API",
)  # fmt: skip
_FOUNDRY = ("AI Foundry API", "Azure AI Model Inference API", "Content Understanding")
_LANGUAGE = (
    "Text Analytics", "Custom Text Authoring", "Conversational Language Understanding Authoring",
    "Custom Question Answering Authoring", "Custom Question Answering", "ConversationalLURuntime", "Language",
    "QnAMaker", "Turing", "QuestionAnswering", "LUIS",
)  # fmt: skip
_OTHERS = (
    "Content Safety", "Container", "Computer Vision", "FormRecognizer", "Speech Services Speech to Text",
    "Speech Services Custom Voice", "Speech Services Batch Text to Speech", "Video Translation", "Token",
    "TextTranslation", "DocumentTranslation", "CustomTranslator",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """skus: name -> tier. suffixes: of the host names at which an account of the kind answers."""

    name: str
    skus: dict[str, str]
    regions: tuple[str, ...]
    endpoints: tuple[str, ...]
    suffixes: tuple[str, ...] = (".cognitiveservices.azure.com",)


KINDS = {
    kind.name.lower(): kind
    for kind in (
        Kind(
            "AIServices", {"S0": "Standard"}, FOUNDRY_REGIONS, _FOUNDRY + _OPENAI + _LANGUAGE + _OTHERS,
            (".cognitiveservices.azure.com", ".services.ai.azure.com", ".openai.azure.com"),
        ),
        Kind("CognitiveServices", {"S0": "Standard"}, LANGUAGE_REGIONS, _LANGUAGE + _OTHERS),
        Kind(
            "OpenAI", {"S0": "Standard"}, OPENAI_REGIONS, _OPENAI,
            (".cognitiveservices.azure.com", ".openai.azure.com"),
        ),
        Kind("TextAnalytics", {"F0": "Free", "S": "Standard"}, LANGUAGE_REGIONS, (*_LANGUAGE, "Container")),
    )
}  # fmt: skip
# Kinds of Azure's that have nothing behind them here. Refused by name, unlike a kind that Azure does not have either.
NOT_YET = (
    "AnomalyDetector", "ComputerVision", "ContentModerator", "ContentSafety", "ConversationalLanguageUnderstanding",
    "CustomVision.Prediction", "CustomVision.Training", "Face", "FormRecognizer", "HealthInsights", "ImmersiveReader",
    "Personalizer", "SpeechServices", "TextTranslation",
)  # fmt: skip
CHANGES = {("openai", "aiservices"), ("aiservices", "openai")}  # of kind, that Azure allows for an account that exists


def base_of(kind, region, subdomain):
    """The `endpoint` of an account: its own host with a custom subdomain, that of its region without."""
    if not subdomain:
        return f"https://{region}.api.cognitive.microsoft.com/"
    suffix = ".openai.azure.com" if kind.name == "OpenAI" else ".cognitiveservices.azure.com"
    return f"https://{subdomain}{suffix}/"


def endpoints_of(kind, name, region, subdomain):
    """The `endpoints` of an account: one address for each service that Azure has in it, answered here or not."""
    base, found = base_of(kind, region, subdomain), {}
    for one in kind.endpoints:
        found[one] = base
        if one == "AI Foundry API":
            found[one] = f"https://{subdomain or name}.services.ai.azure.com/"
        elif subdomain and one in _FOUNDRY:
            found[one] = f"https://{subdomain}.services.ai.azure.com/"
        elif subdomain and one in _OPENAI:
            found[one] = f"https://{subdomain}.openai.azure.com/"
    return found
