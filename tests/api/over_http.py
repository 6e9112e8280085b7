"""A program of somebody else's that speaks to the API: plain HTTP over a socket, nothing of Django's in between."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What came back, whatever its status."""

    status_code: int
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True)
class Client:
    """One caller, with a token or none; addresses are below /api/v1/ or whole."""

    address: str
    token: str = ""

    def send(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Answer:
        url = path if path.startswith("http") else f"{self.address}/api/v1/{path}"
        headers = {"Accept": "*/*", **({"Content-Type": kind} if body is not None else {})}
        if self.token:
            headers["Authorization"] = f"Token {self.token}"
        try:
            with urlopen(Request(url, body, headers, method=method), timeout=SECONDS) as response:  # noqa: S310
                return Answer(response.status, response.read())
        except HTTPError as error:
            with error:
                return Answer(error.code, error.read())

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def post(self, path: str, values: Any = None) -> Answer:
        return self.send("POST", path, json.dumps(values or {}).encode())

    def put(self, path: str, values: Any) -> Answer:
        return self.send("PUT", path, json.dumps(values).encode())

    def patch(self, path: str, values: Any) -> Answer:
        return self.send("PATCH", path, json.dumps(values).encode())

    def upload(self, path: str, **values: Any) -> Answer:
        """POST a form with files."""
        return self.send("POST", path, encode_multipart(BOUNDARY, values), MULTIPART_CONTENT)
