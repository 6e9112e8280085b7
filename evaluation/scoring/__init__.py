"""The scoring engine: marks and a standard in, a result with its reasons out.

Hides all arithmetic of an evaluation. Plain Python without clock or database: the same sheets under the same standard
give the same result for ever.
"""

from evaluation.scoring.files import Outcome, score_files
from evaluation.scoring.forecast import Forecast, Hindrance, Step, Way, forecast, hindrances
from evaluation.scoring.panel import ItemResult, Sheet
from evaluation.scoring.ranking import Entry, Ranked, Ranking, rank, shortlist
from evaluation.scoring.result import NO_LEVEL_NAME, Cap, ChapterResult, Result, StageResult
from evaluation.scoring.totals import Lack, evaluate, evaluate_stages, lacks, self_score

__all__ = [
    "NO_LEVEL_NAME",
    "Cap",
    "ChapterResult",
    "Entry",
    "Forecast",
    "Hindrance",
    "ItemResult",
    "Lack",
    "Outcome",
    "Ranked",
    "Ranking",
    "Result",
    "Sheet",
    "StageResult",
    "Step",
    "Way",
    "evaluate",
    "evaluate_stages",
    "forecast",
    "hindrances",
    "lacks",
    "rank",
    "score_files",
    "self_score",
    "shortlist",
]
