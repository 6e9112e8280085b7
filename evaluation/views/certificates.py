"""What anybody needs to verify without us: public keys, the list of certificates that ended, verifiers, test vectors.

Hides: that these are files to be saved. None of them runs as a page of ours.
"""

from __future__ import annotations

import json
from hashlib import sha256

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

from evaluation import sealing, verifier_page

SANDBOX = "sandbox; default-src 'none'"


def saved(request: HttpRequest, content: bytes, name: str, content_type: str) -> HttpResponseBase:
    """A public file to be saved, asked for anew each time; 304 for who has it."""
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["Content-Security-Policy"] = SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-cache"
    etag = f'"{sha256(content).hexdigest()}"'
    response["ETag"] = etag
    found: HttpResponseBase = get_conditional_response(request, etag=etag, response=response)
    return found


def issuer_keys(request: HttpRequest) -> HttpResponseBase:
    """The public keys, those that were retired included."""
    content = json.dumps(sealing.keys_document(), ensure_ascii=False, indent=1) + "\n"
    return saved(request, content.encode(), "issuer-keys.json", "application/json")


def revocations(request: HttpRequest) -> HttpResponseBase:
    """The newest signed list of certificates that ended; 404 before the first."""
    newest = sealing.newest_list()
    if newest is None:
        raise Http404
    return saved(request, newest.content.encode(), "revocations.json", "application/json")


def certificate_verifier(request: HttpRequest) -> HttpResponseBase:
    """The page that verifies when it is saved, with keys and list inside."""
    return saved(request, verifier_page.page().encode(), "verify-certificate.html", "text/html; charset=utf-8")


TYPES = {".py": "text/x-python; charset=utf-8", ".json": "application/json", ".md": "text/markdown; charset=utf-8"}
DOCUMENTS = ("verify_certificate.py", "certificate_vectors.json", "certificate.md")


def document(request: HttpRequest, name: str) -> HttpResponseBase:
    """A file as it lies in docs/. name: never from an address, which could name any."""
    path = settings.BASE_DIR / "docs" / name
    return saved(request, path.read_bytes(), name, TYPES[path.suffix])


def certificate_document(request: HttpRequest, name: str) -> HttpResponseBase:
    """The stand-alone program, the test vectors and the format."""
    if name not in DOCUMENTS:
        raise Http404
    return document(request, name)
