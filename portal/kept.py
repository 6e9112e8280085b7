"""What was typed into a form whose session had ended: it travels signed through the sign-in page, and is sent again by hand.

A form that says ``refill`` is filled in again with it on its own page (``typed``), any other is shown on a page of ours.

Hides: that only forms which passed the check against forgery get here, that nothing is stored before somebody signs in,
that another person's text is never shown, and that nothing is saved unless its writer presses the button.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal import attempts

SALT = "portal.kept"
LARGEST = 60_000  # characters of all fields; the page that carries them may then not be larger than a few hundred kB
SECONDS = 3600
# Fields of ours that a person neither wrote nor reads.
SILENT = frozenset({"csrfmiddlewaretoken", "person", "refill", "seen", "revision", "back", "ticks", "next"})


def sign_in_first(request: HttpRequest) -> HttpResponse | None:
    """The sign-in page that carries what was typed; None where there is nothing to carry, or too much.

    Only forms that say whose they are (``person``) are carried: those of the applicant's desk. Files are not; a form
    with files goes without them where its own page can ask for them again.
    """
    if request.method != "POST" or not request.POST.get("person"):
        return None
    if request.FILES and not request.POST.get("refill"):
        return None
    fields = [
        (name, value) for name, values in request.POST.lists() for value in values if name != "csrfmiddlewaretoken"
    ]
    if sum(len(name) + len(value) for name, value in fields) > LARGEST:
        return None
    payload = signing.dumps({"path": request.path, "fields": fields}, salt=SALT, compress=True)
    context = {"form": AuthenticationForm(request), "kept": payload, "next": ""}
    return render(request, "portal/sign_in.html", context, status=401)


def read(text: str) -> Mapping[str, Any] | None:
    """What ``sign_in_first`` signed, at most an hour ago; None for anything else."""
    try:
        found: Mapping[str, Any] = signing.loads(text, salt=SALT, max_age=SECONDS)
    except signing.BadSignature:
        return None
    return found


class SignIn(auth_views.LoginView):
    """The sign-in page; afterwards whoever typed something goes to the page that shows it."""

    template_name = "portal/sign_in.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        kept = self.request.POST.get("kept", "")
        return super().get_context_data(**context) | {"kept": kept if read(kept) else ""}

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        attempts.know(response, form.get_user())
        payload = self.request.POST.get("kept", "")
        found = read(payload)
        fields = dict(found["fields"]) if found else {}
        if found is None or fields.get("person") != str(self.request.user.pk):
            return response
        self.request.session["kept"] = payload
        response["Location"] = found["path"] if fields.get("refill") else redirect("kept").url
        return response


def typed(request: HttpRequest) -> Mapping[str, str] | None:
    """What its writer is to find filled in on this page: field -> text. None where nothing was typed for it.

    It is there, also after reloading, until the form is sent again.
    """
    found = read(request.session.get("kept", ""))
    if found is None or found["path"] != request.path:
        return None
    if request.method == "POST":
        del request.session["kept"]
        return None
    return dict(found["fields"])


@login_required
def kept(request: HttpRequest) -> HttpResponse:
    """What was typed before signing in, as a form that sends it again to where it was meant for."""
    found = read(request.session.get("kept", ""))
    if found is None:
        return redirect("my-work")
    fields = [(name, value, name not in SILENT) for name, value in found["fields"]]
    return render(request, "portal/kept.html", {"path": found["path"], "fields": fields})
