"""What was typed into a form whose session had ended: it travels signed through the sign-in page, and is sent again by hand.

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
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render

SALT = "portal.kept"
LARGEST = 60_000  # characters of all fields; the page that carries them may then not be larger than a few hundred kB
SECONDS = 3600
# Fields of ours that a person neither wrote nor reads.
SILENT = frozenset({"csrfmiddlewaretoken", "person", "seen", "revision", "back", "ticks", "next"})


def sign_in_first(request: HttpRequest) -> HttpResponse | None:
    """The sign-in page that carries what was typed; None where there is nothing to carry, or too much.

    Only forms that say whose they are (``person``) are carried: those of the applicant's desk.
    """
    if request.method != "POST" or not request.POST.get("person") or request.FILES:
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
        payload = self.request.POST.get("kept", "")
        found = read(payload)
        if found is None or dict(found["fields"]).get("person") != str(self.request.user.pk):
            return response
        self.request.session["kept"] = payload
        return HttpResponseRedirect(redirect("kept").url)


@login_required
def kept(request: HttpRequest) -> HttpResponse:
    """What was typed before signing in, as a form that sends it again to where it was meant for."""
    found = read(request.session.get("kept", ""))
    if found is None:
        return redirect("my-work")
    fields = [(name, value, name not in SILENT) for name, value in found["fields"]]
    return render(request, "portal/kept.html", {"path": found["path"], "fields": fields})
