"""The program around one model in service: it loads a scoring script or an MLflow model, then answers what it is asked.

A process of its own, started by `serving`. Questions come through standard input and answers leave through standard
output, so there is no port for a stranger to find, and a server that is killed takes its instances with it: the input
ends. What a script prints goes to the log. Everything about `run` happens in the main thread, one call after the other,
as in Microsoft's inference server with its one worker, whose answers these are, errors and their words included.

Needs nothing but the standard library (and mlflow for an MLflow model): it must start fast, and run where the script's
packages are.
"""

import importlib.util
import inspect
import json
import logging
import os
import queue
import struct
import sys
import threading
import time
import traceback
import uuid
from urllib.parse import parse_qs

HEAD = struct.Struct(">II")  # bytes of the JSON that describes a message, and of its body
NOT_READY = 3  # exit code when script or model could not be loaded
LONGEST_ID = 100
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")  # of these a script is given no text
FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."
UNEXPECTED = "An unexpected internal error occurred. Check the logs for more info."
NO_PAGE = (
    "The requested URL was not found on the server. If you entered the URL manually please check your spelling and try "
    "again."
)
NO_METHOD = "The method is not allowed for the requested URL."

log = logging.getLogger("scoring")


class Refused(Exception):
    """A question that gets an error for an answer."""

    def __init__(self, status, message, failed=False):
        super().__init__(message)
        self.status, self.message, self.failed = status, message, failed


# What answers


class Function:
    """How a run function is called: with the text of a request, or, if it is decorated, with members of its JSON."""

    def __init__(self, run, named=False):
        self.run = run
        found = inspect.signature(run).parameters.values()
        if any(one.kind not in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD) for one in found):
            raise TypeError("run() cannot accept positional-only arguments, *args, or **kwargs.")
        self.headers = any(one.name == "request_headers" for one in found)
        self.parameters = [one for one in found if one.name != "request_headers"]
        if not self.parameters:
            raise TypeError("run() needs to accept an argument for input data.")
        schemas = sys.modules.get("inference_schema.schema_util")
        self.named = named or bool(schemas and schemas.is_schema_decorated(run))

    def __call__(self, asked, body):
        given = self._members(asked, body) if self.named else self._text(asked, body)
        if self.headers:
            given["request_headers"] = {name.title(): value for name, value in asked["headers"].items()}
        return self.run(**given)

    def _text(self, asked, body):
        if asked["method"] == "GET":
            return {self.parameters[0].name: json.dumps(_query(asked))}
        if _content_type(asked) in FORMS:
            body = b""
        try:
            return {self.parameters[0].name: body.decode()}
        except UnicodeDecodeError as error:
            raise Refused(400, f"Input cannot be decoded as UTF-8: {error}") from None

    def _members(self, asked, body):
        if asked["method"] == "GET":
            members = _query(asked)
        else:
            if _content_type(asked) != "application/json":
                raise Refused(415, "Expects Content-Type to be application/json")
            if not body:
                raise Refused(400, "POST body is empty. Expecting a JSON dictionary.")
            try:
                members = json.loads(body)
            except ValueError as error:
                raise Refused(400, f"POST body could not be decoded as JSON: {error}") from None
        if not isinstance(members, dict):
            raise Refused(400, "POST body should be a JSON dictionary.")
        given = {one.name: members.get(one.name, one.default) for one in self.parameters}
        for name, value in given.items():
            if value is inspect.Parameter.empty:
                raise Refused(400, f"A value is not provided for the {name!r} parameter.")
        return given


def _query(asked):
    """The query of a GET request; values that are JSON are taken as such."""
    found = parse_qs(asked["query"], keep_blank_values=True)
    return {
        name: _value(values[0]) if len(values) == 1 else [_value(one) for one in values]
        for name, values in found.items()
    }


def _value(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def _content_type(asked):
    return asked["headers"].get("content-type", "").split(";")[0].strip().lower()


def module_of(path):
    """The module of a scoring script, its init not yet called."""
    folder = os.environ.get("AML_APP_ROOT", os.getcwd())
    sys.path.append(folder)
    spec = importlib.util.spec_from_file_location("entry_module", os.path.join(folder, path))
    module = importlib.util.module_from_spec(spec)  # not put into sys.modules: on Azure it is not there either
    spec.loader.exec_module(module)
    for name in ("init", "run"):
        if not hasattr(module, name):
            raise AttributeError(f"User script at {module.__file__} does not have a {name}() function defined.")
    return module


def load_script(path):
    """The run function of a scoring script, after its init."""
    module = module_of(path)
    function = Function(module.run)
    log.info("Invoking user's init function")
    module.init()
    return function


def load_mlflow(folder):
    """A run function for an MLflow model that has no script: what Azure generates takes input_data and params."""
    import mlflow

    log.info("Loading the MLflow model with mlflow %s", mlflow.__version__)
    model = mlflow.pyfunc.load_model(folder)
    schema = model.metadata.get_input_schema()

    def run(input_data, params=None):
        return _plain(model.predict(_model_input(input_data, schema), params=params))

    return Function(run, named=True)


def _model_input(given, schema):
    """What an MLflow model is given: with a signature, a table or arrays of its types; else by the looks of it."""
    import numpy
    import pandas

    if schema and not schema.is_tensor_spec():
        if not isinstance(given, dict):
            raise TypeError("The model takes a table: input_data must be an object with columns and data.")
        return typed(pandas.DataFrame(**given), schema)
    if schema and not isinstance(given, dict):
        return numpy.array(given, schema.inputs[0].type)
    if isinstance(given, list):
        return numpy.asarray(given)
    if {"columns", "index", "data"} <= given.keys():
        return pandas.DataFrame(**given)
    kinds = {one.name: one.type for one in schema.inputs} if schema else {}
    return {name: numpy.asarray(value, kinds.get(name)) for name, value in given.items()}


def typed(table, schema):
    """A table with the types that a model's schema gives its columns."""
    kinds = dict(zip(schema.input_names(), schema.pandas_types(), strict=True))
    return table.astype({name: kind for name, kind in kinds.items() if name in table.columns})


def _plain(result):
    """Predictions as JSON can hold them: a table as a list of its rows."""
    if hasattr(result, "to_frame"):
        result = result.to_frame()
    if hasattr(result, "to_dict"):
        return json.loads(result.to_json(orient="records"))
    return result.tolist() if hasattr(result, "tolist") else result


# Answers


def answer(run, asked, body):
    """(status, headers, body) for one question."""
    headers = {}
    try:
        _copy_ids(asked["headers"], headers)
        status, kind, content, more = _answer(run, asked, body)
    except Refused as refused:
        status, kind, content = refused.status, "application/json", json.dumps({"message": refused.message})
        more = {"x-ms-run-function-failed": str(refused.failed)}
    except Exception:
        log.error("Encountered Exception: %s", traceback.format_exc())
        status, kind, content = 500, "application/json", json.dumps({"message": UNEXPECTED})
        more = {"x-ms-run-function-failed": "False"}
    return status, headers | {"content-type": kind} | more, content.encode()


def _copy_ids(asked, headers):
    """The ids by which a request is traced are sent back; a request without one is given one."""
    request = asked.get("x-request-id") or str(uuid.uuid4())
    if len(request) > LONGEST_ID:
        raise Refused(431, f"x-request-id must not exceed {LONGEST_ID} characters")
    headers["x-request-id"] = request
    older, client = asked.get("x-ms-request-id", ""), asked.get("x-ms-client-request-id", "")
    if max(len(older), len(client)) > LONGEST_ID:
        raise Refused(431, f"x-ms-request-id and x-ms-client-request-id must not exceed {LONGEST_ID} characters")
    headers["x-ms-request-id"] = older or client or request
    if client or older:
        headers["x-ms-client-request-id"] = client or older


def _answer(run, asked, body):
    method, path = asked["method"], asked["path"]
    pages = {"/": ("GET", "HEAD"), "/swagger.json": ("GET", "HEAD"), "/score": ("GET", "POST", "OPTIONS", "HEAD")}
    if path not in pages:
        raise Refused(404, NO_PAGE)
    if method not in pages[path]:
        raise Refused(405, NO_METHOD)
    if path == "/":
        return 200, "text/html; charset=utf-8", "Healthy", {}
    if path == "/swagger.json":
        return 200, "application/json", json.dumps(description(asked)), {"x-ms-run-function-failed": "False"}
    if method == "OPTIONS":
        return 200, "text/html; charset=utf-8", "", {"x-ms-run-function-failed": "False"}
    began = time.perf_counter()
    try:
        result = run(asked, body)
    except Refused:
        raise
    except Exception:
        log.error("Encountered Exception: %s", traceback.format_exc())
        raise Refused(500, FAILED, failed=True) from None
    spent = f"{(time.perf_counter() - began) * 1000:.3f}"
    content = json.dumps({} if result is None else result)
    return 200, "application/json", content, {"x-ms-run-function-failed": "False", "x-ms-run-fn-exec-ms": spent}


def description(asked):
    """How to call the model, as OpenAPI: what lies beside the script, or a description that fits every script.

    The query's `version` is 2, which it is if nothing is said, 3 or 3.1; 404 for others.
    """
    version = parse_qs(asked["query"], keep_blank_values=True).get("version", ["2"])[0]
    if version not in OWN_FILES:
        raise Refused(404, f"Swagger version [{version}] is not valid. Supported versions: [2, 3, 3.1].")
    for name in OWN_FILES[version]:
        path = os.path.join(os.environ.get("AML_APP_ROOT", os.getcwd()), name)
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                return json.load(file)
    return SWAGGER if version.startswith("2") else OPENAPI | ({"openapi": "3.1.0"} if version == "3.1" else {})


OWN_FILES = {
    "2": ("swagger.json", "swagger2.json"),
    "3": ("swagger3.json",),
    "3.1": ("swagger3.1.json",),
}
OWN_FILES |= {"2.0": OWN_FILES["2"], "3.0": OWN_FILES["3"]}
_ANY = {"type": "object", "example": {}}
SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "ML service", "version": "1.0"},
    "consumes": ["application/json"],
    "produces": ["application/json"],
    "securityDefinitions": {"Bearer": {"type": "apiKey", "name": "Authorization", "in": "header"}},
    "paths": {
        "/": {"get": {"operationId": "ServiceHealthCheck", "responses": {"200": {"description": "Healthy"}}}},
        "/score": {
            "post": {
                "operationId": "RunMLService",
                "security": [{"Bearer": []}],
                "parameters": [{"name": "serviceInputPayload", "in": "body", "schema": _ANY}],
                "responses": {"200": {"description": "What run() returned", "schema": _ANY}},
            }
        },
    },
}

_ANY_JSON = {"application/json": {"schema": _ANY}}
_HEALTHY = {"200": {"description": "Healthy", "content": {"text/plain": {"schema": {"type": "string"}}}}}
OPENAPI = {
    "openapi": "3.0.3",
    "info": SWAGGER["info"],
    "security": [{"Bearer": []}],
    "paths": {
        "/": {"get": {"operationId": "ServiceHealthCheck", "responses": _HEALTHY}},
        "/score": {
            "post": {
                "operationId": "RunMLService",
                "requestBody": {"content": _ANY_JSON},
                "responses": {"200": {"description": "What run() returned", "content": _ANY_JSON}},
            }
        },
    },
    "components": {"securitySchemes": {"Bearer": {"type": "http", "scheme": "bearer"}}},
}


# Messages


def read(stream):
    """(description, body) of the next message; None when there are no more."""
    start = stream.read(HEAD.size)
    if len(start) < HEAD.size:
        return None
    described, length = HEAD.unpack(start)
    return json.loads(stream.read(described)), stream.read(length)


def write(stream, described, body=b""):
    text = json.dumps(described).encode()
    stream.write(HEAD.pack(len(text), len(body)) + text + body)
    stream.flush()


def listen(stream, questions):
    """Take in what is asked, also while an answer is being worked out: when the server is gone, so are we."""
    while (question := read(stream)) is not None:
        questions.put(question)
    os._exit(0)


def take_streams():
    """The two ends to the server, out of the script's reach: its input is empty, and what it prints is logged."""
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return asked, answers


def serve(load, reply):
    """Load, then answer for as long as there is a server. reply: (what was loaded, asked, body) -> (described, body)"""
    stream, answers = take_streams()
    shown = logging.StreamHandler()
    shown.setFormatter(logging.Formatter("%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s"))
    log.addHandler(shown)
    log.setLevel(logging.INFO)
    log.propagate = False  # the root logger is the script's to set up
    questions = queue.SimpleQueue()
    threading.Thread(target=listen, args=(stream, questions), daemon=True).start()
    try:
        run = load()
    except BaseException:
        log.error("User's init function failed\nEncountered Exception %s", traceback.format_exc())
        sys.exit(NOT_READY)
    log.info("Ready")
    write(answers, {"ready": True})
    while True:
        write(answers, *reply(run, *questions.get()))


def _reply(run, asked, body):
    began = time.perf_counter()
    status, headers, content = answer(run, asked, body)
    spent = (time.perf_counter() - began) * 1000
    log.info("%s %s %d %.3fms %d", asked["method"], asked["path"], status, spent, len(content))
    return {"status": status, "headers": headers}, content


def main(kind, path):
    load = {"script": load_script, "mlflow": load_mlflow}[kind]
    serve(lambda: load(path), _reply)


if __name__ == "__main__":
    main(*sys.argv[1:])
