"""The page to read first: the life of everything in the evaluation, as tables. docs/workflow.md is generated from them."""

from evaluation.workflow.case import APPLICATION
from evaluation.workflow.guidance import GUIDANCE_OPINION, GUIDANCE_VISIT
from evaluation.workflow.outcome import CERTIFICATE, OBJECTION
from evaluation.workflow.panel import ASSIGNMENT
from evaluation.workflow.questions import QUESTION

__all__ = ["APPLICATION", "ASSIGNMENT", "CERTIFICATE", "GUIDANCE_OPINION", "GUIDANCE_VISIT", "OBJECTION", "QUESTION"]
