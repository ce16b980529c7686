"""Reads tables that are described by a file MLTable: delimited text or Parquet, and the plain transformations.

The format is Microsoft's; its reader is a package that this course does not install.
"""

import re
from pathlib import Path

from . import Problem

FILE = "MLTable"
READERS = ("read_delimited", "read_parquet")
DELIMITED = ("delimiter", "header", "encoding", "infer_column_types", "include_path_column", "support_multi_line",
             "empty_as_string")  # fmt: skip
ENCODINGS = {"utf8": "utf-8", "utf8bom": "utf-8-sig", "iso88591": "latin-1", "latin1": "latin-1", "ascii": "ascii",
             "utf16": "utf-16", "windows1252": "cp1252"}  # fmt: skip
HEADERS = {
    "all_files_same_headers": "each", "all_files_have_same_headers": "each", "all_files_different_headers": "each",
    "from_first_file": "first", "no_header": "none", "true": "each", "false": "none",
}  # fmt: skip
NUMBERS = ("int", "float", "double", "long")
MARKED = re.compile(r"https?:|azureml:|wasbs?:|abfss?:|adl:")


def described(folder):
    """What the file MLTable in a folder says: a dict with its paths. Problem if it is not there or makes no sense."""
    import yaml

    file = Path(folder) / FILE
    if not file.is_file():
        found = ", ".join(sorted(one.name for one in Path(folder).iterdir())[:5]) if Path(folder).is_dir() else ""
        raise Problem(f"The data must be a folder with a file named {FILE}; here is: {found or Path(folder).name}.")
    try:
        spec = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Problem(f"The file {FILE} is not YAML: {error}") from None
    paths = spec.get("paths") if isinstance(spec, dict) else None
    if not (isinstance(paths, list) and paths and all(isinstance(one, dict) and len(one) == 1 for one in paths)):
        raise Problem(f"The file {FILE} needs paths, such as:\npaths:\n  - file: ./data.csv")
    return spec


def addresses(folder):
    """The paths in a table's description that are addresses and no names of files below the folder."""
    found = [where for one in described(folder)["paths"] for where in one.values() if isinstance(where, str)]
    return [where for where in found if MARKED.match(where)]


def read(folder, places=None):
    """The table, a pandas DataFrame of at least one row. places: where the addresses among its paths lie on disk."""
    import pandas

    spec = described(folder)
    steps = [_step(one) for one in spec.get("transformations") or []]
    reader = [step for step in steps if step[0] in READERS]
    if len(reader) != 1 or steps[0] != reader[0]:
        raise Problem(f"The first transformation of {FILE} must be read_delimited or read_parquet; there is one.")
    files = _files(Path(folder), spec["paths"], places or {})
    name, options = reader[0]
    parts = _delimited(files, options or {}) if name == "read_delimited" else _parquet(files)
    table = pandas.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    for name, options in steps[1:]:
        table = _transformed(table, name, options)
    table.columns = [str(name) for name in table.columns]
    if table.empty:
        raise Problem("The table has no rows.")
    return table


def _step(one):
    if isinstance(one, str):
        return one, None
    if isinstance(one, dict) and len(one) == 1:
        return next(iter(one.items()))
    raise Problem(f"The transformation {one!r} in {FILE} is not a name with its settings.")


def _files(folder, paths, places):
    found = []
    for one in paths:
        kind, where = next(iter(one.items()))
        place = Path(places[str(where)]) if str(where) in places else folder / str(where)
        if str(where) not in places and ".." in Path(str(where)).parts:
            raise Problem(f"The path {where} leaves the folder of the file {FILE}.")
        if kind == "file":
            listed = [place]
        elif kind == "folder":
            listed = sorted(file for file in place.rglob("*") if file.is_file() and file.name != FILE)
        elif kind == "pattern" and not MARKED.match(str(where)):
            listed = sorted(file for file in folder.glob(str(where).removeprefix("./")) if file.is_file())
        else:
            raise Problem(f"A path in {FILE} is a file, a folder or a pattern of names below it, not {kind}: {where}.")
        if not listed or not all(file.is_file() for file in listed):
            raise Problem(f"There is no file at the path {where} of the table.")
        found += listed
    return found


def _delimited(files, options):
    import pandas

    unknown = sorted(set(options) - set(DELIMITED))
    if unknown:
        raise Problem(f"read_delimited here knows {', '.join(DELIMITED)}, not {', '.join(unknown)}.")
    header = HEADERS.get(str(options.get("header", "all_files_same_headers")).lower())
    encoding = ENCODINGS.get(re.sub(r"[^a-z0-9]", "", str(options.get("encoding", "utf8")).lower()))
    if header is None or encoding is None:
        raise Problem(f"read_delimited has an unknown header or encoding; header is one of {', '.join(HEADERS)}.")
    parts = []
    for number, file in enumerate(files):
        first = 0 if header == "each" or (header == "first" and number == 0) else None
        try:
            # Only an empty field is missing: NA is Namibia, and None an answer.
            part = pandas.read_csv(
                file, sep=str(options.get("delimiter", ",")), header=first, encoding=encoding, keep_default_na=False,
                na_values=[""], dtype=None if options.get("infer_column_types", True) else str,
            )  # fmt: skip
        except (ValueError, UnicodeDecodeError, OSError) as error:
            raise Problem(f"{file.name} cannot be read as delimited text: {error}") from None
        if header == "none":
            part.columns = [f"Column{one + 1}" for one in range(part.shape[1])]
        elif parts and header == "first":
            if part.shape[1] != parts[0].shape[1]:
                raise Problem(f"{file.name} has other columns than the first file.")
            part.columns = parts[0].columns
        parts.append(part)
    return parts


def _parquet(files):
    import pandas

    try:
        return [pandas.read_parquet(file) for file in files]
    except ImportError:
        message = "Parquet needs the package pyarrow, which this course does not install. Write the table as CSV"
        raise Problem(f"{message} and use read_delimited, or install pyarrow.") from None
    except (ValueError, OSError) as error:
        raise Problem(f"The files cannot be read as Parquet: {error}") from None


def _transformed(table, name, options):
    if name in ("keep_columns", "drop_columns"):
        names = [options] if isinstance(options, str) else list(options or [])
        _check_there(table, names, name)
        return table[names] if name == "keep_columns" else table.drop(columns=names)
    if name == "convert_column_types":
        for one in options or []:
            names = one.get("columns") if isinstance(one, dict) else None
            names = [names] if isinstance(names, str) else list(names or [])
            _check_there(table, names, name)
            for column in names:
                table = table.assign(**{str(column): _converted(table[column], one.get("column_type"))})
        return table
    known = "read_delimited, read_parquet, keep_columns, drop_columns and convert_column_types"
    raise Problem(f"The transformation {name} of {FILE} is not here. There are {known}.")


def _check_there(table, names, step):
    missing = [str(name) for name in names if name not in table.columns]
    if missing:
        raise Problem(f"{step} names the column {missing[0]}; the table has {', '.join(map(str, table.columns))}.")


def _converted(values, kind):
    import pandas

    kind = next(iter(kind)) if isinstance(kind, dict) else str(kind)
    try:
        if kind in NUMBERS:
            numbers = pandas.to_numeric(values)
            return numbers if kind in ("float", "double") or numbers.isna().any() else numbers.astype("int64")
        if kind == "string":
            return values.map(str, na_action="ignore").astype("object")
        if kind == "datetime":
            return pandas.to_datetime(values)
        if kind == "boolean":
            texts = values.map(str, na_action="ignore").str.lower()
            return texts.map({"true": True, "false": False, "1": True, "0": False})
    except (ValueError, TypeError) as error:
        raise Problem(f"The column {values.name} cannot be converted to {kind}: {error}") from None
    raise Problem(f"convert_column_types knows {', '.join(NUMBERS)}, string, boolean and datetime, not {kind}.")
