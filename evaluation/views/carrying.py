"""From the design to completion: taking over, and the comparison item by item."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from evaluation import carrying
from evaluation.papers import data_for
from evaluation.snapshot import design_of
from evaluation.views.framing import fetch, frame
from portal.problems import Refused


@login_required
@require_POST
def application_carry(request: HttpRequest, pk: int) -> HttpResponse:
    """The answer to the one question: take over what the certified design said, or begin anew."""
    row = fetch(request, pk)
    try:
        if request.POST.get("answer") == "decline":
            carrying.decline(request.user, row)
            messages.success(request, _("已记下：不沿用设计评价，逐条重新填写。"))
        else:
            done = carrying.carry(request.user, row)
            values = {"claims": done.claims, "proofs": done.proofs}
            messages.success(
                request, _("已沿用设计评价的 %(claims)s 条自评和 %(proofs)s 件佐证，请逐条核对。") % values
            )
    except Refused as refused:
        for problem in refused.problems:
            messages.error(request, problem.text(gettext))
    return redirect(row)


@login_required
def application_comparison(request: HttpRequest, pk: int) -> HttpResponse:
    """What differs from the certified design; ``?show=all`` shows what is the same as well. 404 without a design."""
    row = fetch(request, pk)
    data = data_for(request.user, row)
    rows = carrying.comparison(row, data)
    if not rows and not (data.get("concealed") and design_of(row)):
        raise Http404
    different = [one for one in rows if one.differs]
    everything = request.GET.get("show") == "all"
    context = {
        **frame(request, row, "application-comparison"),
        "rows": rows if everything else different,
        "everything": everything,
        "changed_count": sum(one.changed for one in rows),
        "other_count": sum(not one.changed for one in different),
        "total": len(rows),
        "concealed": len(data.get("concealed", ())),
    }
    return render(request, "evaluation/application_comparison.html", context)
