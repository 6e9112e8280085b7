"""What a request's JSON may be: bounded in size and depth, and made of text that every database can keep.

Hides: that the framework reads a body of any length, and that NUL and half characters pass as JSON and fail in a database.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser


class TooLarge(APIException):
    """The body is longer than a form may be; files go as multipart/form-data."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = gettext_lazy("请求体过长；文件请用 multipart/form-data 上传。")


class PlainJSON(JSONParser):
    """JSON as ``JSONParser`` reads it, refused in our words where it is too long, too deep or holds unusable text."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        length = str((parser_context or {})["request"].META.get("CONTENT_LENGTH") or "0")
        if not length.isdecimal() or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge
        try:
            data = super().parse(stream, media_type, parser_context)
        except (ParseError, RecursionError) as error:
            raise ParseError(_("请求体不是合法的 JSON。")) from error
        if any(not _can_be_kept(text) for text in _texts(data)):
            raise ParseError(_("请求体含有不能保存的字符。"))
        return data


def _can_be_kept(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _texts(data: Any) -> Iterator[str]:
    """Every string in a JSON document, names of members too."""
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
