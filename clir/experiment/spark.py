"""The Spark session of the data jobs."""

import re
from typing import Annotated

from pydantic import AfterValidator, PositiveInt

from clir.experiment.types import Section


def _spark_master(value: str) -> str:
    if not re.fullmatch(r"local(\[(\*|[1-9]\d*)(,\d+)?\])?|yarn|(spark|k8s)://.+", value):
        raise ValueError(f"{value} is no master, such as local[2], spark://HOST:7077 or yarn")
    return value


def _java_memory(value: str) -> str:
    if not re.fullmatch(r"[1-9]\d*[kmgt]b?", value.lower()):
        raise ValueError(f"{value} is no size, such as 2g or 800m")
    return value


class Spark(Section):
    """The session of data jobs; one that is submitted has spark-submit's master and memory."""

    master: Annotated[str, AfterValidator(_spark_master)] = "local[*]"
    driver_memory: Annotated[str, AfterValidator(_java_memory)] = "2g"
    shuffle_partitions: PositiveInt = 4  # and files of a method's training pairs
