"""Acts that are done on a page of their own: each with its form, and what a refusal leaves on the page.

Hides: that several forms stand on one page and only the one that was sent is bound.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from evaluation.models import Application
from portal.forms import ActForm, add_problems, done_words
from portal.machine import Machine, NotAllowed
from portal.models import User
from portal.problems import Refused


class PageActForm(ActForm):
    """The form of one act among several on a page; its field names may meet those of another, its ids may not."""

    def __init__(self, transition: Any, obj: Any, by: User, data: Any = None) -> None:
        super().__init__(transition, obj, by, data)
        self.transition = transition
        self.auto_id = f"{transition.action}-%s"
        for field in self.fields.values():
            if "rows" in field.widget.attrs:
                field.widget.attrs["rows"] = 3


def act_forms(request: HttpRequest, machine: Machine, obj: Any, actions: Collection[str]) -> dict[str, ActForm]:
    """action -> form of each of ``actions`` that this person may do now; the one that was sent is bound."""
    sent = request.POST.get("action") if request.method == "POST" else None
    return {
        row.action: PageActForm(row, obj, request.user, request.POST if row.action == sent else None)
        for row in machine.available(obj, request.user)
        if row.action in actions
    }


def acted(request: HttpRequest, machine: Machine, obj: Any, forms: dict[str, Any], actions: Collection[str]) -> bool:
    """Do the act that was sent; True when it is done, False when its form now says why not.

    Raises NotAllowed or Stale for an act that is not this person's now.
    """
    action = request.POST.get("action", "")
    if action not in actions:
        raise NotAllowed(f"{machine.name}.{action}")
    form = forms.get(action)
    if form is None:
        machine.perform(obj, action, by=request.user)  # says with its reason why this is not possible
        raise NotAllowed(f"{machine.name}.{action}")
    if not form.is_valid():
        return False
    try:
        machine.perform(obj, action, by=request.user, **said(form))
    except Refused as refused:
        add_problems(form, refused.problems)
        return False
    messages.success(request, done_words(form.transition, obj))
    verb = f"{machine.name}.{action}"
    if isinstance(obj, Application) and obj.held_messages.filter(event__verb=verb, state="held").exists():
        messages.info(request, _("告知还没有送出：先进入“待发消息”，核发后收件人才收到。"))
    return True


def said(form: Any) -> dict[str, Any]:
    """What an act is told: the form's own gathering, or its fields as they are."""
    return form.said() if hasattr(form, "said") else form.cleaned_data
