"""The first stages by their names: what can find candidates, for settings and plans.

What each does is in a module of its name, which ``clir.retrieval.candidates`` names.
"""

from typing import Literal, get_args

FirstStageName = Literal["bm25"]
FIRST_STAGES: tuple[str, ...] = get_args(FirstStageName)
