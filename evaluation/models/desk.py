"""What an officer keeps of the own desk: saved views of the queue, the columns of its table, the view it opens with."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.models import User


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def of(self, user: User) -> SavedViewQuerySet:
        """Those that ``user`` made."""
        return self.filter(owner=user)

    def open_to(self, user: User, duties: list[str]) -> SavedViewQuerySet:
        """Those of ``user``, and those that others share with one of these duties."""
        return self.filter(Q(owner=user) | Q(duty__in=duties)).order_by("name", "pk")


class SavedView(models.Model):
    """保存的视图: a query of the queue under a name, with its columns; for its owner alone, or for all who hold a duty."""

    owner = models.ForeignKey(User, models.CASCADE, related_name="saved_views", verbose_name=_("建立人"))
    name = models.CharField(_("名称"), max_length=40)
    query = models.CharField(_("查找条件"), max_length=1000, blank=True)  # as in an address, without columns and page
    columns = models.JSONField(_("显示的列"), default=list)  # codes of evaluation.desk.COLUMNS
    duty = models.CharField(_("共享给"), max_length=30, blank=True)  # of Officer.Duty; "" for its owner alone
    revision = models.PositiveIntegerField(default=1)  # of two who change it at once the second is told
    created_at = models.DateTimeField(_("建立时间"), default=timezone.now)

    objects: ClassVar[Any] = SavedViewQuerySet.as_manager()

    class Meta:
        verbose_name = _("保存的视图")
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "name"], name="one_view_a_name")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The queue as this view shows it: the address says everything, so that it can be kept and passed on."""
        more = urlencode({"columns": ",".join(self.columns), "view": self.pk})
        return f"{reverse('queue')}?{self.query}{'&' if self.query else ''}{more}"


class DeskChoice(models.Model):
    """What one officer chose for the own queue."""

    user = models.OneToOneField(User, models.CASCADE, related_name="desk_choice")
    columns = models.JSONField(_("显示的列"), default=list)  # none chosen: the usual ones
    opens_with = models.ForeignKey(SavedView, models.SET_NULL, null=True, related_name="+", verbose_name=_("默认视图"))

    class Meta:
        verbose_name = _("案件列表设置")

    def __str__(self) -> str:
        return str(self.user)
