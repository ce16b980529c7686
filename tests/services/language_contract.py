"""Does a reply have the shape that Microsoft published? The shapes are those of the SDK's own generated models."""

import datetime
import importlib

MODULES = {"v3.0": "v3_0", "v3.1": "v3_1", "2022-05-01": "v2022_05_01", "2023-04-01": "v2023_04_01"}
PLAIN = {"str": str, "int": int, "float": (int, float), "bool": bool}


def models(version):
    """The generated models of an api-version. The SDK has none of 2024-11-01: its predecessor's, which it extends."""
    module = MODULES.get(version, MODULES["2023-04-01"])
    return importlib.import_module(f"azure.ai.textanalytics._generated.{module}.models")


def differences(value, model, version, extra=(), where="$"):
    """How `value` differs from the model: missing, unknown and mistyped fields, as a list of sentences.

    model: a name of the generated models. extra: names of fields that may be there although the model lacks them.
    """
    known = models(version)
    if model.startswith("["):
        if not isinstance(value, list):
            return [f"{where} is not an array"]
        pairs = enumerate(value)
        return [d for i, one in pairs for d in differences(one, model[1:-1], version, extra, f"{where}[{i}]")]
    if model.startswith("{") or model == "object":
        return [] if isinstance(value, dict) else [f"{where} is not an object"]
    if model == "iso-8601":
        datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        return []
    if model in PLAIN:
        right = isinstance(value, PLAIN[model]) and not (model != "bool" and isinstance(value, bool))
        return [] if right else [f"{where} is {value!r}, not {model}"]
    cls = getattr(known, model)
    subtypes = getattr(cls, "_subtype_map", {}).get("kind", {})
    if isinstance(value, dict) and subtypes.get(value.get("kind"), model) != model:
        return differences(value, subtypes[value["kind"]], version, extra, where)
    if not hasattr(cls, "_attribute_map") or not cls._attribute_map:
        return []
    if not isinstance(value, dict):
        return [f"{where} is not an object"]
    fields = {entry["key"].replace("\\\\", ""): (name, entry["type"]) for name, entry in cls._attribute_map.items()}
    found = [f"{where}.{key} is unknown to {model}" for key in value if key not in fields and key not in extra]
    for key, (name, kind) in fields.items():
        if key in value:
            found += differences(value[key], kind, version, extra, f"{where}.{key}")
        elif getattr(cls, "_validation", {}).get(name, {}).get("required"):
            found.append(f"{where}.{key} is missing")
    return found
