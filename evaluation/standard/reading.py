"""From the bytes of a file to a plain document, with the place of every value.

Hides YAML and JSON. Both end as the same thing: dicts with text keys, lists, text, bool, and numbers that are exact.
YAML is composed into nodes and never constructed, so a tag can run nothing; size, depth and the number of values are
bounded before and while the nodes are walked, so that neither nesting nor references can grow without end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import yaml

from evaluation.standard.numbers import from_text
from evaluation.standard.places import UNREADABLE, Path, Places, json_path
from portal.problems import Problem, Refused, gettext_noop

MOST_BYTES = 2 * 1024 * 1024
MOST_DEPTH = 20
MOST_VALUES = 100_000

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TAG = "tag:yaml.org,2002:"
BOOLEANS = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False}
# PostgreSQL keeps no NUL in text, and a half of a surrogate pair cannot be written as UTF-8.
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(slots=True)
class Reading:
    """What a file says. document: the plain value; problems: (path, problem) for what could not be taken over."""

    document: object = None
    places: Places = field(default_factory=Places)
    problems: list[tuple[Path, Problem]] = field(default_factory=list)
    values: int = 0

    def refuse(self, code: str, path: Path, place: str, message: str, **params: object) -> object:
        """Note a value that cannot be taken over and return what stands for it."""
        self.problems.append((path, Problem(code, place, message, params)))
        return UNREADABLE

    def enter(self, path: Path, place: str) -> None:
        """Count one more value and remember its place; Refused where the document is too deep or too large."""
        self.values += 1
        if self.values > MOST_VALUES:
            raise Refused([_too_many(place)])
        if len(path) > MOST_DEPTH:
            raise Refused([_too_deep(place)])
        self.places.add(path, place)

    def text(self, text: str, path: Path, place: str) -> object:
        """Return text that every store and file can hold, or note why not."""
        if UNWRITABLE.search(text):
            return self.refuse("unwritable_text", path, place, gettext_noop("文字中含有不能保存的控制字符。"))
        return text

    def number(self, text: str, path: Path, place: str) -> object:
        """Return the number of a decimal text, or note why it cannot be held exactly."""
        value = from_text(text)
        if value is None:
            message = gettext_noop("“%(text)s”不是普通的十进制数，或位数过多而无法精确保存；如本意是文字，请加引号。")
            return self.refuse("number_not_plain", path, place, message, text=text[:40])
        return value


def _too_deep(place: str) -> Problem:
    return Problem("too_deep", place, gettext_noop("层次过深，最多 %(most)s 层。"), {"most": MOST_DEPTH})


def _too_many(place: str) -> Problem:
    message = gettext_noop("内容过多，最多 %(most)s 个值（引用展开后计算）。")
    return Problem("too_many_values", place, message, {"most": MOST_VALUES})


def read(source: bytes | str, name: str) -> Reading:
    """Read a file. name: its name; one that ends in ``.json`` is JSON, any other YAML.

    Raises Refused where nothing can be read: too large, not UTF-8, bad syntax, too deep, too many values.
    """
    text = _decoded(source)
    return read_json(text) if name.lower().endswith(".json") else read_yaml(text)


def _decoded(source: bytes | str) -> str:
    size = len(source) if isinstance(source, bytes) else len(source.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        message = gettext_noop("文件过大，最多 2 MB。")
        raise Refused([Problem("too_large", "", message)])
    try:
        return source.decode("utf-8-sig") if isinstance(source, bytes) else source.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        message = gettext_noop("文件不是 UTF-8 编码。")
        raise Refused([Problem("not_utf8", _line(line - 1), message)]) from error


def _line(number: int) -> str:
    return f"第 {number + 1} 行"


# --- YAML ---------------------------------------------------------------------------------------------------------


def read_yaml(text: str) -> Reading:
    """Read YAML 1.1 of the plain kind; see ``read``."""
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:
        message = gettext_noop("文件中含有不允许的字符。")
        raise Refused([Problem("bad_character", _line(text.count("\n", 0, unprintable.start())), message)])
    try:
        _bound_events(text)
        root = yaml.compose(text, Loader=LOADER)
    except yaml.YAMLError as error:
        raise Refused([_syntax_problem(error)]) from error
    reading = Reading()
    if root is None:
        raise Refused([Problem("empty", "", gettext_noop("文件是空的。"))])
    reading.document = _from_node(root, (), reading)
    return reading


def _bound_events(text: str) -> None:
    """Refuse nesting and length before any tree is built: building one recurses."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=LOADER)):
        place = _line(event.start_mark.line if event.start_mark else 0)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MOST_DEPTH:
            raise Refused([_too_deep(place)])
        if count > 3 * MOST_VALUES:
            raise Refused([_too_many(place)])


def _syntax_problem(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    detail = getattr(error, "problem", None) or str(error)
    place = _line(mark.line) if mark else ""
    return Problem("syntax", place, gettext_noop("语法错误：%(detail)s。"), {"detail": " ".join(str(detail).split())})


def _from_node(node: yaml.Node, path: Path, reading: Reading) -> object:
    place = _line(node.start_mark.line)
    reading.enter(path, place)
    if isinstance(node, yaml.MappingNode) and node.tag == TAG + "map":
        return dict(_from_pairs(node, path, reading))
    if isinstance(node, yaml.SequenceNode) and node.tag == TAG + "seq":
        return [_from_node(child, (*path, position), reading) for position, child in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _from_scalar(node, path, place, reading)
    return _refuse_tag(node, path, place, reading)


def _refuse_tag(node: yaml.Node, path: Path, place: str, reading: Reading) -> object:
    message = gettext_noop("不允许的标签“%(tag)s”。")
    return reading.refuse("unsafe_tag", path, place, message, tag=str(node.tag).removeprefix(TAG)[:80])


def _from_pairs(node: yaml.MappingNode, path: Path, reading: Reading) -> Iterator[tuple[str, object]]:
    seen: set[str] = set()
    for key, value in node.value:
        place = _line(key.start_mark.line)
        if not isinstance(key, yaml.ScalarNode) or key.tag != TAG + "str" or UNWRITABLE.search(key.value):
            shown = key.value[:40] if isinstance(key, yaml.ScalarNode) else "?"
            message = gettext_noop("键“%(key)s”不是文字，请加引号（不支持合并键 <<）。")
            reading.refuse("key_not_text", path, place, message, key=shown)
        elif key.value in seen:
            message = gettext_noop("键“%(key)s”重复。")
            reading.refuse("duplicate_key", path, place, message, key=key.value)
        else:
            seen.add(key.value)
            reading.places.add((*path, key.value), place)
            yield key.value, _from_node(value, (*path, key.value), reading)


def _from_scalar(node: yaml.ScalarNode, path: Path, place: str, reading: Reading) -> object:
    kind = node.tag.removeprefix(TAG)
    if kind == "str":
        return reading.text(node.value, path, place)
    if kind in {"int", "float"}:
        return reading.number(node.value, path, place)
    if kind == "null":
        return None
    if kind == "bool" and node.value.lower() in BOOLEANS:
        return BOOLEANS[node.value.lower()]
    if kind == "timestamp":
        message = gettext_noop("“%(text)s”会被当作日期，请加引号写成文字。")
        return reading.refuse("date_not_text", path, place, message, text=node.value[:40])
    return _refuse_tag(node, path, place, reading)


# --- JSON ---------------------------------------------------------------------------------------------------------


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object before anybody lost the second of two equal keys."""


class _Number(str):
    """The text of a JSON number before a float lost its digits."""


def read_json(text: str) -> Reading:
    """Read JSON; see ``read``. Syntax errors are placed by line, everything else by path."""
    try:
        raw = json.loads(text, object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except json.JSONDecodeError as error:
        message = gettext_noop("语法错误：%(detail)s。")
        raise Refused([Problem("syntax", _line(error.lineno - 1), message, {"detail": error.msg})]) from error
    except RecursionError as error:
        raise Refused([_too_deep("$")]) from error
    reading = Reading()
    reading.document = _from_raw(raw, (), reading)
    return reading


def _from_raw(raw: object, path: Path, reading: Reading) -> object:
    place = json_path(path)
    reading.enter(path, place)
    if isinstance(raw, _Pairs):
        return dict(_from_members(raw, path, reading))
    if isinstance(raw, list):
        return [_from_raw(child, (*path, position), reading) for position, child in enumerate(raw)]
    if isinstance(raw, _Number):
        return reading.number(str(raw), path, place)
    return reading.text(raw, path, place) if isinstance(raw, str) else raw


def _from_members(members: _Pairs, path: Path, reading: Reading) -> Iterator[tuple[str, object]]:
    seen: set[str] = set()
    for key, value in members:
        place = json_path((*path, key))
        if UNWRITABLE.search(key):
            message = gettext_noop("键中含有不能保存的控制字符。")
            reading.refuse("unwritable_text", path, json_path(path), message)
        elif key in seen:
            reading.refuse("duplicate_key", (*path, key), place, gettext_noop("键“%(key)s”重复。"), key=key)
        else:
            seen.add(key)
            yield key, _from_raw(value, (*path, key), reading)


def places_of(document: object) -> Places:
    """Return the places of a document that comes from no file, as JSON paths (for drafts edited in a form)."""
    places = Places()
    waiting: list[tuple[Path, object]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        places.add(path, json_path(path))
        children: list[tuple[str | int, object]] = []
        if isinstance(value, dict):
            children = list(value.items())
        elif isinstance(value, list):
            children = list(enumerate(value))
        waiting.extend(((*path, key), child) for key, child in reversed(list(islice(children, MOST_VALUES))))
    return places
