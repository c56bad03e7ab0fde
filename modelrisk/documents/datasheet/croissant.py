"""A datasheet for machines: Croissant 1.0, JSON-LD that catalogues of data sets read.

Columns become fields of one record set. What Croissant has no word for (roles, missing values, sizes of
groups) stands under this project's own prefix, where other readers pass it over. Nobody's name is an
identifier: columns may be called anything.

What does not belong here: reading the data (`resources.datasheets`).
"""

import json
from collections.abc import Mapping

from modelrisk.columns import is_numeric
from modelrisk.datasheets import Datasheet
from modelrisk.documents import text
from modelrisk.evidence import Json

VOCABULARY = "urn:model-risk:datasheet:"

_CONTEXT: Mapping[str, Json] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "mr": VOCABULARY,
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_FILE = "file"
_ROWS = "rows"
_TEXT_FILES = (".csv", ".csv.gz")


def as_croissant(sheet: Datasheet) -> dict[str, Json]:
    """The datasheet as a JSON-LD document."""
    document: dict[str, Json] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": f"{text.visible(sheet.model)} {sheet.purpose.value} data",
        "description": f"The {sheet.purpose.value} data of {text.visible(sheet.model)}: "
        f"{sheet.rows} rows of {len(sheet.columns)} columns. Nothing in this description is a row.",
        "version": "1.0.0",
        "distribution": [_file(sheet)],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": _ROWS,
                "name": _ROWS,
                "field": [_field(sheet, position) for position in range(len(sheet.columns))],
            }
        ],
        "mr:schema": sheet.schema,
        "mr:owner": text.visible(sheet.owner),
        "mr:digest": sheet.digest,
        "mr:rows": sheet.rows,
        "mr:group": [
            {
                "mr:attribute": text.visible(group.attribute),
                "mr:value": text.group_words(group.group),
                "mr:isMissing": group.group is None,
                "mr:rows": group.rows,
            }
            for group in sheet.groups
        ],
    }
    if sheet.license:
        document["license"] = text.visible(sheet.license)
    if sheet.collection:
        document["rai:dataCollection"] = text.visible_lines(sheet.collection)
    if sheet.caveats:
        document["rai:dataLimitations"] = [text.visible_lines(caveat) for caveat in sheet.caveats]
    if sheet.span is not None:
        document["temporalCoverage"] = f"{sheet.span.oldest or '..'}/{sheet.span.newest or '..'}"
    return document


def as_json(sheet: Datasheet) -> str:
    """The same as text, plain ASCII."""
    return json.dumps(as_croissant(sheet), indent=2, sort_keys=True, ensure_ascii=True) + "\n"


def _file(sheet: Datasheet) -> dict[str, Json]:
    is_text = sheet.file.lower().endswith(_TEXT_FILES)
    return {
        "@type": "cr:FileObject",
        "@id": _FILE,
        "name": text.visible(sheet.file),
        "contentUrl": text.visible(sheet.file),
        "encodingFormat": "text/csv" if is_text else "application/x-parquet",
        "sha256": sheet.digest.removeprefix("sha256:"),
    }


def _field(sheet: Datasheet, position: int) -> dict[str, Json]:
    column = sheet.columns[position]
    return {
        "@type": "cr:Field",
        "@id": f"{_ROWS}/{position}",
        "name": f"{_ROWS}/{position}",
        "description": text.visible(column.name),
        "dataType": _data_type(column.dtype),
        "source": {"fileObject": {"@id": _FILE}, "extract": {"column": column.name}},
        "mr:type": column.dtype,
        "mr:role": column.role,
        "mr:missing": column.missing,
    }


def _data_type(dtype: str) -> str:
    if dtype.startswith(("int", "uint")):
        return "sc:Integer"
    if is_numeric(dtype):
        return "sc:Float"
    if dtype.startswith("bool"):
        return "sc:Boolean"
    return "sc:Date" if dtype.startswith(("date", "timestamp")) else "sc:Text"
