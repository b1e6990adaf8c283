"""What Schemathesis has to know of this API beyond its OpenAPI document.

It seldom makes up a market that there is, never a page that goes on, and asks for no format but the
first: that is added here. And it looks into no text: here the rows in NDJSON, CSV and events are held
against their schema, too.
"""

import atexit
import base64
import collections
import csv
import io
import itertools
import json
import os
import re
import time
import urllib.parse

import jsonschema_rs
import schemathesis

# Whether parameters fit each other no schema can say, so a request that fits the document may be
# answered with 400 for these reasons, and for no others.
BEYOND_SCHEMAS = [
    ("cursor", r"is not a cursor of this list|is of "),
    ("to", r"must be later than from|is [\d.]+ windows after from"),
    ("from", r"is more than \d+ windows of \d+ ms before"),
    ("fill", r"is null, which needs from and to"),
    ("time", r"is given beside offset"),
]

NDJSON = "application/x-ndjson"
CSV = "text/csv"
STREAM = "text/event-stream"
STREAM_PATH = "/v1/statistics/stream"
ACCEPTED = [NDJSON, CSV, "text/*, */*;q=0.5"]
# What no list comes in: 406, where the document says so.
REFUSED = ["image/png"]

FILTERS = ["exchange", "instrument", "base", "quote"]
FILTERS_MAX = 100
HOUR_MS = 3_600_000

# What a cursor might be forged with: its reader must bear it, and each store.
FORGERIES = [None, "", "zz", "\ud800", "\u0001'\"%_*\\", "é" * 90, 0, -1, 2**53 - 1, -(2**53 - 1), 1e300, []]

# By operation the last few pages that go on, with the requests that gave them.
PAGES_MAX = 32
pages = {}
# The last few places in the stream.
places = []
turns = itertools.count()

# What came back, for the report: a run that saw no rows says little.
kinds = collections.Counter()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Asks for what there is, for pages that go on, for other formats, for what still stands."""
    if case.method != "GET" or not is_positive(case):
        return
    turn = next(turns)
    if turn % 2 == 0:
        formats = ACCEPTED + REFUSED
        case.headers["Accept"] = formats[turn // 2 % len(formats)]
    if turn % 11 == 0:
        case.headers["If-None-Match"] = "*"
    # The parameter whose edges are tried stays as it is.
    edge = getattr(case.meta.phase.data, "parameter", None)
    if turn % 4 != 3:
        widen(case.query, turn, edge)
    if edge is None:
        resume(case, turn)
    elif edge != "cursor":
        case.query.pop("cursor", None)


def widen(query, turn, edge):
    """Adds what there is to what was made up, so that the answer has rows."""
    for name in FILTERS:
        if name in query and name != edge:
            # By now it is the text that is sent.
            query[name] = ",".join([*str(query[name]).split(","), "*"][-FILTERS_MAX:])
    now_ms = int(time.time() * 1000)
    if "from" in query and edge != "from":
        query["from"] = str(now_ms - (1 + turn % 50) * HOUR_MS)
    if "to" in query and edge != "to":
        query["to"] = str(now_ms - turn % 5 * HOUR_MS // 4)


def resume(case, turn):
    """Goes on where an earlier answer ended, in place of at a cursor that was made up."""
    if places and case.path == STREAM_PATH:
        case.query["lastEventId"] = places[turn % len(places)]
    if "cursor" not in case.query or turn % 4 == 0:
        return
    known = pages.get(case.operation.label)
    if known:
        case.path_parameters, case.query = (dict(part) for part in known[turn % len(known)])
        if turn % 3 == 0:
            case.query["cursor"] = forged(case.query["cursor"], turn // 3)
    else:
        del case.query["cursor"]


def forged(cursor, turn):
    """The cursor with something else at one of its places: it may be refused, and no more."""
    content = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    spots = list(leaves(content))
    holder, key = spots[turn % len(spots)]
    holder[key] = FORGERIES[turn // len(spots) % len(FORGERIES)]
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def leaves(content):
    for key, value in enumerate(content):
        if isinstance(value, list):
            yield from leaves(value)
        else:
            yield content, key


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


@schemathesis.hook
def after_call(context, case, response):
    """Keeps the request of every page that goes on, with its cursor, and counts."""
    kind = f"{response.status_code} {type_of(response)}"
    if response.status_code == 200 and case.path.startswith("/v1/"):
        kind += ", with rows" if has_rows(response) else ", without rows"
    kinds[kind] += 1
    if type_of(response) == STREAM:
        places.extend(re.findall(r"^id: (.+)$", response.content.decode(), re.MULTILINE)[-1:])
        del places[:-PAGES_MAX]
    if response.status_code != 200 or b'"nextCursor":"' not in response.content:
        return
    known = pages.setdefault(case.operation.label, [])
    query = {**(case.query or {}), "cursor": response.json()["nextCursor"]}
    known.append((dict(case.path_parameters or {}), query))
    del known[:-PAGES_MAX]


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Lets pass what no schema can say, and what was made up to be wrong and is right as it is sent."""
    if type(failure).__name__ == "AcceptedNegativeData":
        return not fits_as_sent(case, response.request)
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    if response.status_code == 406:
        return (case.headers or {}).get("Accept") not in REFUSED
    if response.status_code != 400:
        # A hundred long ids are more than a URL may hold.
        return response.status_code != 414
    errors = response.json().get("errors") or []
    return not errors or not all(is_beyond_schemas(error) for error in errors)


def is_beyond_schemas(error):
    return any(
        error["parameter"] == parameter and re.match(detail, error["detail"])
        for parameter, detail in BEYOND_SCHEMAS
    )


def fits_as_sent(case, request):
    """Whether the request fits the document: `false` for a text is the text `false`, `{}` is nothing."""
    given = urllib.parse.parse_qs(urllib.parse.urlsplit(request.url).query, keep_blank_values=True)
    document = case.operation.schema.raw_schema
    for parameter in document["paths"][case.operation.path]["get"].get("parameters", []):
        name, schema = parameter["name"], parameter["schema"]
        if parameter["in"] == "query":
            values = given.pop(name, None)
        else:
            values = [request.headers[name]] if name in request.headers else None
        if values is not None and not fits(schema, values):
            return False
    return request.method == "GET" and given == {}


def fits(schema, texts):
    if schema.get("type") == "array":
        value = [item for text in texts for item in text.split(",")]
    elif len(texts) > 1:
        return False
    else:
        is_number = schema.get("type") == "integer" and re.fullmatch("[0-9]+", texts[0])
        value = int(texts[0]) if is_number else texts[0]
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid(value)


def columns_of(document, reference):
    """The columns of a row in CSV: a field that is an object has one for each of its own."""
    columns = []
    for name, schema in document["components"]["schemas"][reference.rpartition("/")[2]]["properties"].items():
        parts = [schema, *schema.get("anyOf", []), *schema.get("oneOf", [])]
        inner = next((part["properties"] for part in parts if "properties" in part), None)
        columns += [name] if inner is None else [f"{name}.{field}" for field in inner]
    return columns


@schemathesis.check
def text_rows_conformance(ctx, response, case):
    """Each row in NDJSON and in events fits the schema of the list's rows; CSV has its fields."""
    content_type = type_of(response)
    if response.status_code != 200 or content_type not in (NDJSON, CSV, STREAM):
        return
    document = case.operation.schema.raw_schema
    reference = row_reference(document, case.operation.path)
    if content_type == CSV:
        fields = columns_of(document, reference)
        head, *rows = csv.reader(io.StringIO(response.content.decode(), newline=""))
        assert head == fields, f"CSV has {head}, not {fields}"
        assert all(len(row) == len(fields) for row in rows), "A row of CSV has other fields"
        return
    validator = validator_of(document, reference)
    for text in texts_of(response.content.decode(), content_type):
        for error in validator.iter_errors(json.loads(text)):
            raise AssertionError(f"{error.message} in {text}")


def row_reference(document, path):
    """Where the schema of a list's rows is; the stream has those of /v1/statistics."""
    path = "/v1/statistics" if path == STREAM_PATH else path
    content = document["paths"][path]["get"]["responses"]["200"]["content"]
    return content["application/json"]["schema"]["properties"]["data"]["items"]["$ref"]


validators = {}


def validator_of(document, reference):
    if reference not in validators:
        schema = {"$ref": reference, "components": document["components"]}
        validators[reference] = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    return validators[reference]


def texts_of(content, content_type):
    if content_type == NDJSON:
        return content.splitlines()
    pattern = r"^event: statistics\ndata: (.*)$"
    return [match[1] for match in re.finditer(pattern, content, re.MULTILINE)]


def type_of(response):
    return (response.headers.get("content-type") or ["nothing"])[0].split(";")[0]


def has_rows(response):
    content_type, content = type_of(response), response.content
    if content_type == CSV:
        return content.count(b"\n") > 1
    return b"exchange" in content if content_type == STREAM else (
        not content.startswith(b'{"data":[]') and content != b""
    )


@atexit.register
def report():
    with open(os.environ["FUZZ_KINDS"], "w", encoding="utf-8") as file:
        json.dump(kinds, file)
