"""Confirmations 激励确认书: sealed and printed by a worker once an incentive is granted. The supervising department verifies them.

Hides: that nobody signs in a page (the private key lies with the workers), and that a file is kept once, however many make
it at once, and never for what was taken back meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from celery import shared_task
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation

from evaluation import sealing
from evaluation.models import Incentive
from portal import audit, files, typesetting
from portal.machine import Act
from portal.problems import Refused
from portal.tasks import ring, swept

logger = logging.getLogger(__name__)
list_needed = sealing.list_needed


def confirmation_needed(incentive: Incentive, act: Act) -> Mapping[str, Any]:
    """Have the confirmation made once the act that grants it stands. Inside that act."""
    transaction.on_commit(partial(ring, make_confirmation, incentive.pk), robust=True)
    return {}


@shared_task
def make_confirmation(pk: int) -> None:
    """Seal and print one confirmation, if that has not been done."""
    row = _waiting().filter(pk=pk).first()
    if row is None:
        return
    try:
        make(row)
    except Refused as refused:  # no key, or one that cannot be trusted: the next sweep tries again
        logger.warning("confirmation of incentive %s waits: %s", pk, refused)


def _waiting() -> Any:
    return Incentive.objects.filter(state="granted", sha256="").select_related(
        "certificate__application__project__programme"
    )


def make(row: Incentive) -> bool:
    """Seal and print; False where somebody else was faster or it was taken back. Raises Refused: no key."""
    sealing.seal_confirmation(row)
    with translation.override("zh-hans"):
        content = pdf_of(row)
    digest = files.sha256_of(content)
    name = default_storage.save(f"incentive-{row.pk}-{digest}.pdf", ContentFile(content))
    kept = {"file": name, "sha256": digest, "seal": row.seal, "seal_key": row.seal_key}
    with transaction.atomic():
        mine = Incentive.objects.filter(pk=row.pk, state="granted", sha256="").update(**kept)
        if mine:
            audit.record(row, "incentive.confirm", by=None, key=str(row.seal_key), sha256=digest)
    if not mine:
        default_storage.delete(name)
    row.refresh_from_db(fields=list(kept))
    return bool(mine)


@swept
def make_missing() -> int:
    """Ring for confirmations whose bell was lost, or that waited for a key; return how many."""
    waiting = list(_waiting().order_by("pk").values_list("pk", flat=True)[:500])
    for pk in waiting:
        ring(make_confirmation, pk)
    return len(waiting)


def check_url(incentive: Incentive) -> str:
    """The public page of this number, as it is printed."""
    return str(settings.SITE_URL + reverse("incentive-confirmation", args=[incentive.number]))


def check_code(incentive: Incentive) -> str:
    """What the QR code holds: the page of this number, and the seal in its fragment, which no browser sends."""
    return f"{check_url(incentive)}#{incentive.seal}" if incentive.seal else check_url(incentive)


def pdf_of(incentive: Incentive) -> bytes:
    """Typeset a confirmation; the same row gives the same bytes."""
    certificate = incentive.certificate
    return typesetting.render(
        "incentive",
        {
            "number": incentive.number,
            "policy": incentive.policy_name,
            "basis": incentive.basis,
            "document": incentive.document_number,
            "organisation": incentive.organisation_name,
            "credit_code": incentive.credit_code,
            "community": incentive.community_name,
            "district": certificate.district_name,
            "certificate": certificate.number,
            "level_name": incentive.level_name,
            "amount": incentive.amount,
            "conditions": incentive.conditions,
            "cap": incentive.cap,
            "department": incentive.department,
            "notice": certificate.standard_notice,
            "issued_on": (incentive.granted_on or timezone.localdate()).isoformat(),
            "valid_until": incentive.valid_until.isoformat() if incentive.valid_until else "",
            "check_url": check_url(incentive),
            "check_code": check_code(incentive),
            "seal_key": incentive.seal_key_id,
        },
    )
