"""The lives of what an officer has done to many cases at once: a batch 批量办理, an export 导出."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from evaluation import batching, exporting
from evaluation.models import Batch, Export
from portal.machine import Machine, Transition, register

BATCH = register(
    Machine(
        name="batch",
        model=Batch,
        initial="checking",
        states={
            "checking": _("试算中"),
            "prepared": _("待确认执行"),
            "running": _("办理中"),
            "done": _("已办完"),
            "stopped": _("已停止"),
        },
        roles_of=batching.roles_of,
        visible_to=batching.batches_visible_to,
        notify=batching.tell,
        steps={"checking": batching.foresee, "running": batching.run},
        transitions=(
            Transition("foreseen", _("试算完成"), _("试算完成"), ("checking",), "prepared", ("system",)),
            Transition(
                "run", _("执行"), _("确认执行批量办理"), ("prepared",), "running", ("owner",), told=_("已开始：%(subject)s。"),
            ),
            Transition(
                "stop", _("停止"), _("停止了批量办理"), ("checking", "prepared", "running"), "stopped", ("owner",), danger=True,
                told=_("已停止：%(subject)s。已办的保留，其余不再办理。"),
            ),
            Transition("finish", _("办完"), _("办完了批量办理"), ("running",), "done", ("system",)),
        ),
    )
)  # fmt: skip

EXPORT = register(
    Machine(
        name="export",
        model=Export,
        initial="making",
        states={"making": _("生成中"), "ready": _("可以下载"), "expired": _("已删除")},
        roles_of=exporting.roles_of,
        visible_to=exporting.visible_to,
        # The last day is the parameter's, written with the file.
        clock=lambda row, source, target, day: {} if target == "ready" else {"due_on": None},
        steps={"making": exporting.make},
        deadlines={"ready": "expire"},
        terms=frozenset({"ready"}),
        transitions=(
            Transition(
                "made", _("生成"), _("生成了导出文件"), ("making",), "ready", ("system",), effects=(exporting.keep_file,),
            ),
            Transition(
                "expire", _("到期删除"), _("导出文件到期删除"), ("ready",), "expired", ("system",), effects=(exporting.drop_file,),
            ),
            Transition(
                "discard", _("删除"), _("删除了导出文件"), ("ready",), "expired", ("owner",), effects=(exporting.drop_file,),
                danger=True, told=_("已删除：%(subject)s。"),
            ),
        ),
    )
)  # fmt: skip
