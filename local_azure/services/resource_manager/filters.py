"""The part of OData that `$filter` of Azure Resource Manager knows: comparisons, joined with and or or."""

import re

from ...errors import AzureError

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[(),]|[^\s(),']+)")


def parse(text, names):
    """A function that says whether a resource passes. names: member -> how to read it from a resource.

    Known are `member eq 'value'`, `ne`, `substringof('part', member)`, `startswith(member, 'part')`, `and`, `or`.
    Case does not count, as in Azure. 400 for anything else.
    """
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if not found:
            raise _refused(text)
        tokens.append(found[1])
        at = found.end()
    try:
        return _or(text, tokens, names)
    except IndexError:
        raise _refused(text) from None


def _refused(text):
    message = f"Invalid $filter '{text:.200}' specified in the query string."
    return AzureError(400, "InvalidFilterInQueryString", message)


def _or(text, tokens, names):
    parts = [_and(text, tokens, names)]
    while tokens and tokens[0].lower() == "or":
        tokens.pop(0)
        parts.append(_and(text, tokens, names))
    if tokens:
        raise _refused(text)
    return lambda resource: any(part(resource) for part in parts)


def _and(text, tokens, names):
    parts = [_one(text, tokens, names)]
    while tokens and tokens[0].lower() == "and":
        tokens.pop(0)
        parts.append(_one(text, tokens, names))
    return lambda resource: all(part(resource) for part in parts)


def _one(text, tokens, names):
    first = tokens.pop(0)
    if first.lower() in ("substringof", "startswith") and tokens[0] == "(":
        _, left, comma, right, close = (tokens.pop(0) for _ in range(5))
        value, member = (left, right) if first.lower() == "substringof" else (right, left)
        if (comma, close) != (",", ")"):
            raise _refused(text)
        part, read = _value(text, value), _member(text, member, names)
        if first.lower() == "substringof":
            return lambda resource: any(part in found for found in read(resource))
        return lambda resource: any(found.startswith(part) for found in read(resource))
    operator, value = tokens.pop(0).lower(), _value(text, tokens.pop(0))
    read = _member(text, first, names)
    if operator == "eq":
        return lambda resource: value in read(resource)
    if operator == "ne":
        return lambda resource: value not in read(resource)
    raise _refused(text)


def _member(text, name, names):
    read = names.get(name.lower())
    if read is None:
        raise _refused(text)
    return lambda resource: [one.lower() for one in read(resource)]


def _value(text, token):
    if not re.fullmatch("'.*'", token, re.DOTALL):
        raise _refused(text)
    return token[1:-1].replace("''", "'").lower()


def by_tag(text):
    """What `tagName eq 'a' and tagValue eq 'b'` asks of a resource: both of one and the same tag. None if it is not
    that.
    """
    found = re.fullmatch(
        r"\s*tagName\s+eq\s+'((?:[^']|'')*)'(?:\s+and\s+tagValue\s+eq\s+'((?:[^']|'')*)')?\s*", text, re.IGNORECASE
    )
    if not found:
        return None
    name, value = (one and one.replace("''", "'") for one in found.groups())
    return lambda resource: any(
        key.lower() == name.lower() and (value is None or kept == value)
        for key, kept in (resource.get("tags") or {}).items()
    )
