"""What people type on the pages of a case. Fields only check their shape; the domain functions decide."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from communities.models import Community
from communities.sheets import PERMIT_DATES
from evaluation import standard
from evaluation.models import Programme
from portal import files
from portal.attachments import largest_words


class ProjectForm(forms.Form):
    """A new case: programme and target level in one choice, since levels differ by programme."""

    target_level = forms.ChoiceField(label=_("评价类别与目标等级"), widget=forms.RadioSelect)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        programmes = Programme.objects.filter(stages__isnull=False).distinct().order_by("code")
        self.programmes = list(programmes.select_related("standard"))
        self.fields["target_level"].choices = [
            (
                programme.name,
                [(f"{programme.pk}:{level.level}", level.name) for level in programme.standard.parsed.levels],
            )
            for programme in self.programmes
        ]

    @property
    def groups(self) -> list[tuple[Programme, list[Any]]]:
        """Each programme with the radio buttons of its levels."""
        radios = list(self["target_level"])
        return [
            (programme, [radio for radio in radios if radio.data["value"].startswith(f"{programme.pk}:")])
            for programme in self.programmes
        ]

    @property
    def chosen(self) -> tuple[Programme, int]:
        """Programme and level of a valid form."""
        code, _colon, level = self.cleaned_data["target_level"].rpartition(":")
        return next(programme for programme in self.programmes if programme.pk == code), int(level)


class EngagementForm(forms.Form):
    """A consulting unit to engage: its code as it stands on paper, and what it shall do."""

    credit_code = forms.CharField(
        label=_("咨询服务单位的统一社会信用代码"),
        max_length=40,
        help_text=_("对方的管理员接受后，该单位的人员可以一同填报本案，且不会进入本案的专家组。"),
    )
    scope = forms.CharField(label=_("委托内容"), max_length=200, help_text=_("例如：协助自评、整理佐证材料"))


class CaseDataForm(forms.Form):
    """Target level and the dates of the permits; ``only`` some of them where a page sends some."""

    def __init__(
        self, form: standard.Standard, data: Any = None, initial: Any = None, only: Iterable[str] | None = None
    ) -> None:
        super().__init__(data, initial=initial)
        self.fields["target_level"] = forms.TypedChoiceField(
            label=_("目标等级"), choices=[(level.level, level.name) for level in form.levels], coerce=int
        )
        for name in PERMIT_DATES:
            self.fields[name] = forms.DateField(
                label=Community._meta.get_field(name).verbose_name,
                required=False,
                widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            )

        if only is not None:
            self.fields = {name: field for name, field in self.fields.items() if name in only}

    @property
    def level(self) -> int | None:
        """The target level of a valid form, None where it was not sent."""
        return self.cleaned_data.get("target_level")

    @property
    def dates(self) -> dict[str, Any]:
        """The permit dates of a valid form, those that were sent."""
        return {name: self.cleaned_data[name] for name in PERMIT_DATES if name in self.cleaned_data}


class SeveralFiles(forms.ClearableFileInput):
    """A file input that takes several files."""

    allow_multiple_selected = True


class SeveralFilesField(forms.FileField):
    """Several uploads; cleans to a list."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        rows = data if isinstance(data, list | tuple) else [data] if data else []
        if not rows and self.required:
            raise ValidationError(self.error_messages["required"], code="required")
        return [super(SeveralFilesField, self).clean(row, initial) for row in rows]


class EvidenceForm(forms.Form):
    """Proofs to add: several files of one kind for the same items."""

    files = SeveralFilesField(label=_("文件"))
    evidence_kind = forms.ChoiceField(label=_("佐证类型"))
    caption = forms.CharField(
        label=_("说明"), max_length=120, required=False, help_text=_("例如：S-07 外立面摄像机布置图")
    )
    page = forms.IntegerField(label=_("页码"), required=False, min_value=1, help_text=_("佐证内容所在页，可不填"))
    items = forms.MultipleChoiceField(label=_("佐证的条目"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(
        self,
        form: standard.Standard,
        stage: str,
        data: Any = None,
        uploads: Any = None,
        initial: Any = None,
        item: str = "",
    ) -> None:
        """item: the code of the item for which somebody is looking for a proof, anything else for none."""
        super().__init__(data, uploads, initial=initial)
        self.fields["files"].widget.attrs["accept"] = files.accept_attribute(files.EVIDENCE_KINDS)
        values = {"largest": largest_words(files.EVIDENCE_KINDS)}
        words = gettext(
            "可一次选择多个：PDF、照片、XLSX、MP4、DWG、PPTX。%(largest)s。照片的拍摄时间与位置会自动读取。"
        )
        self.fields["files"].help_text = words % values
        accepted = form.item(item).evidence.get(stage, ()) if form.has_item(item) else ()
        self.fields["evidence_kind"].choices = [("", _("请选择")), *_kinds(form.enums["evidence"], accepted)]
        if len(accepted) == 1:
            self.fields["evidence_kind"].initial = accepted[0]
        self.fields["items"].choices = [(item.code, f"{item.code} {item.name}") for item in form.items(stage)]


def _kinds(labels: Mapping[str, str], accepted: Collection[str]) -> list[tuple[Any, Any]]:
    """The kinds of proof to choose from: those that one item takes apart from the others, where one is asked for."""
    if not accepted:
        return list(labels.items())
    mine = [(kind, label) for kind, label in labels.items() if kind in accepted]
    others = [(kind, label) for kind, label in labels.items() if kind not in accepted]
    return [(_("本条可用"), mine), (_("不能证明本条"), others)] if others else mine
