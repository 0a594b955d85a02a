"""Event types as data: what an event may hold, decoding it into columns, and saying what is wrong with it.

What every other room stands on; it imports none of them. `load_catalogue` reads the YAML, `Decoder` makes an
`EventBatch` of records, and `read_yaml` reads any file a person writes, with the place of every value.
"""

from __future__ import annotations

from risk_stream.catalogue._ipc import MessageError
from risk_stream.catalogue.batch import EventBatch, Value
from risk_stream.catalogue.decode import REASONS, Decoder, Reject
from risk_stream.catalogue.hashing import hash_column, text_hash
from risk_stream.catalogue.load import load_catalogue
from risk_stream.catalogue.masking import MASK, mask_personal
from risk_stream.catalogue.problems import CatalogueError, Problem, ProblemsError, did_you_mean, one_line, suggest
from risk_stream.catalogue.reading import FileReader
from risk_stream.catalogue.schema import json_schema
from risk_stream.catalogue.types import MISSING, Catalogue, EventType, Field, FieldType, KeyKind
from risk_stream.catalogue.yaml import Node, hidden_character, read_yaml

__all__ = [
    "MASK",
    "MISSING",
    "REASONS",
    "Catalogue",
    "CatalogueError",
    "Decoder",
    "EventBatch",
    "EventType",
    "Field",
    "FieldType",
    "FileReader",
    "KeyKind",
    "MessageError",
    "Node",
    "Problem",
    "ProblemsError",
    "Reject",
    "Value",
    "did_you_mean",
    "hash_column",
    "hidden_character",
    "json_schema",
    "load_catalogue",
    "mask_personal",
    "one_line",
    "read_yaml",
    "suggest",
    "text_hash",
]
