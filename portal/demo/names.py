"""Invented names that look it (示例…) and credit codes that are formally valid but were never issued.

Hides how enough different names are put together; the same number always gives the same name.
"""

from __future__ import annotations

from random import Random

from communities import credit_code

SURNAMES = "周陈林何高梁宋唐许邓冯曹彭曾田董潘袁蔡余"
GIVEN = ("岚", "一帆", "文静", "思远", "嘉禾", "知秋", "望舒", "明川", "清扬", "亦舟", "若水", "长风")
PLACES = (
    "云溪", "江月", "山语", "竹影", "橙园", "桂香", "松涛", "晴川", "半山", "栖霞", "望江", "听泉",
    "黄桷", "梧桐", "紫薇", "麓湖", "天境", "南岸", "北辰", "东篱", "西畔", "和润", "锦绣", "星河",
)  # fmt: skip
ENDINGS = ("苑", "府", "台", "湾", "里", "园", "庭", "居", "城", "郡", "轩", "阁")
EMPLOYERS = (
    "建筑智能化设计院", "通信工程研究所", "安防技术检测中心", "物业管理研究会", "智能家居实验室", "软件园技术公司",
    "网络安全测评中心", "机电工程公司", "城市建设学院", "住宅产业研究院",
)  # fmt: skip


def chance(*parts: object) -> Random:
    """A source of chance that depends on ``parts`` alone: the same world every time."""
    return Random("|".join(map(str, parts)))  # noqa: S311  nothing here is a secret


def person(number: int) -> str:
    """Name of an invented person; ``number`` from 1 to 240 gives different ones."""
    index = number - 1
    return f"示例{SURNAMES[index % len(SURNAMES)]}{GIVEN[index // len(SURNAMES) % len(GIVEN)]}"


def community(number: int) -> str:
    """Name of an invented community, different for every number."""
    index = number - 1
    round_, index = divmod(index, len(PLACES) * len(ENDINGS))
    name = f"示例{PLACES[index % len(PLACES)]}{ENDINGS[(index + index // len(PLACES)) % len(ENDINGS)]}"
    return f"{name}{round_ + 1}期" if round_ else name


def developer(number: int) -> str:
    """Name of an invented developer, different for every number."""
    return f"示例第{number}置业有限公司"


def employer(number: int) -> str:
    """Name of an invented employer of experts, different for every number."""
    return f"示例第{number}{EMPLOYERS[(number - 1) % len(EMPLOYERS)]}"


def code(district: str, series: str, number: int) -> str:
    """A unified social credit code with a right check character; ``series`` (one letter) keeps kinds of units apart."""
    return credit_code.with_check_character(f"91{district}MAE{series}{number:05d}")
