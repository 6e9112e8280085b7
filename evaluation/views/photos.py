"""Photos of what happens on site: the form that brings one, and the files for whoever sees what they show."""

from __future__ import annotations

from django import forms
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from evaluation.models import Photo
from evaluation.permissions import guidance_visible_to, visible_to
from portal import files

DATE = {"type": "date"}
PICTURES = files.accept_attribute(("jpg",))


class PhotoForm(forms.Form):
    """One photo with a word about it; on a phone the camera is offered."""

    photo = forms.FileField(label=_("照片"), widget=forms.FileInput(attrs={"accept": PICTURES}))
    caption = forms.CharField(label=_("说明"), max_length=120, required=False)


def _photo(request: HttpRequest, pk: int) -> Photo:
    """A photo of something this person sees."""
    user = request.user
    seen = Q(site_visit__application__in=visible_to(user))
    guided = guidance_visible_to(user)
    seen |= Q(guidance_visit__in=guided) | Q(opinion__visit__in=guided)
    return get_object_or_404(Photo.objects.filter(seen), pk=pk)


@login_required
def photo_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The photo as it is kept: upright, without metadata."""
    row = _photo(request, pk)
    return files.send(
        row.file, name=row.name, content_type=row.content_type, inline=True, request=request, sha256=row.sha256
    )


@login_required
def photo_thumbnail(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The small picture of a photo."""
    row = _photo(request, pk)
    tag = f"thumbnail-{row.sha256}" if row.sha256 else ""
    return files.send(row.thumbnail, name=row.name, content_type="image/jpeg", inline=True, request=request, sha256=tag)
