"""What anybody needs to verify a certificate without us: public keys, the list of those that ended, verifiers, test vectors.

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


DOCUMENTS = {
    "verify_certificate.py": "text/x-python; charset=utf-8",
    "certificate_vectors.json": "application/json",
    "certificate.md": "text/markdown; charset=utf-8",
}


def certificate_document(request: HttpRequest, name: str) -> HttpResponseBase:
    """The stand-alone program, the test vectors and the format, as they lie in docs/."""
    if name not in DOCUMENTS:
        raise Http404
    return saved(request, (settings.BASE_DIR / "docs" / name).read_bytes(), name, DOCUMENTS[name])
