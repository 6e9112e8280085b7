"""The page to read first: the life of everything in the evaluation, as tables. docs/workflow.md is generated from them."""

from evaluation.workflow.case import APPLICATION
from evaluation.workflow.changes import MAJOR_CHANGE
from evaluation.workflow.desk import BATCH, EXPORT
from evaluation.workflow.guidance import GUIDANCE_COMPANION, GUIDANCE_VISIT
from evaluation.workflow.incentives import INCENTIVE
from evaluation.workflow.inspection_draw import INSPECTION_DRAW
from evaluation.workflow.messages import HELD_MESSAGE
from evaluation.workflow.opinions import GUIDANCE_OPINION
from evaluation.workflow.outcome import CERTIFICATE, OBJECTION
from evaluation.workflow.panel import ASSIGNMENT
from evaluation.workflow.questions import QUESTION
from evaluation.workflow.sanctions import RENEWAL, SANCTION
from evaluation.workflow.supervision import INSPECTION, OPERATING_REPORT, RECTIFICATION
from evaluation.workflow.vacancy import VACANCY

__all__ = [
    "APPLICATION",
    "ASSIGNMENT",
    "BATCH",
    "CERTIFICATE",
    "EXPORT",
    "GUIDANCE_COMPANION",
    "GUIDANCE_OPINION",
    "GUIDANCE_VISIT",
    "HELD_MESSAGE",
    "INCENTIVE",
    "INSPECTION",
    "INSPECTION_DRAW",
    "MAJOR_CHANGE",
    "OBJECTION",
    "OPERATING_REPORT",
    "QUESTION",
    "RECTIFICATION",
    "RENEWAL",
    "SANCTION",
    "VACANCY",
]
