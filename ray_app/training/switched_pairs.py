"""English pairs + method -> the switched ones, on the fly by Ray Data: nothing is written.

Spark writes the same ones, to the byte (``spark_etl.training_pairs``).
"""

from functools import partial
from pathlib import Path

import pyarrow as pa
import ray.data

from clir import manifest, stages, tables
from clir.errors import InputError
from clir.experiment import Experiment
from clir.switching import plans, rates
from clir.switching.methods import BASELINE
from clir.switching.pairs import switch_pairs
from clir.switching.plans import Plan

_BATCH_BYTES = 16 << 20  # kernels need several arrays of a batch's size


def switched_pairs(experiment: Experiment, method: str) -> ray.data.Dataset:
    """The pairs of a method that switches, ``tables.SWITCHED_PAIRS``, switched as they are read.

    InputError where the English pairs or the method's look-up tables are not there: both are made
    by ``jobs/switch_pairs.py``, for zero-shot (or ``switching.on_the_fly``) and for the method.
    """
    chosen = plans.plan(experiment, method)
    if not chosen.switches:
        raise InputError(f"{method} switches nothing: read {experiment.workspace.pairs(method)}")
    english, switchers = _made_from(experiment, method)
    for folder in (english, switchers):
        manifest.verify(experiment.workspace, folder)
    switch = partial(_switch, chosen=chosen, switchers=str(switchers), seed=experiment.seeds[0])
    files = sorted(str(path) for path in (english / "data").glob("*.parquet"))
    return ray.data.read_parquet(files).map_batches(switch, batch_format="pyarrow", batch_size=4096)


def measure(experiment: Experiment, method: str) -> None:
    """Leave a manifest in ``switch_rates/METHOD``: the rates reached, by one draw over all pairs.

    Training draws anew in every pass, from the same lexicon at the same p.
    """
    stage, chosen = stages.switch_rates(experiment, method), plans.plan(experiment, method)

    def write(_: object) -> dict[str, object]:
        counted = switched_pairs(experiment, method).map_batches(
            partial(_count, chosen=chosen), batch_format="pyarrow"
        )
        return rates.summary(counted.iter_rows())  # some dozens of each block

    manifest.build(experiment.workspace, *stage, write)


def _made_from(experiment: Experiment, method: str) -> tuple[Path, Path]:
    """The folders of the English pairs and of the look-up tables."""
    english = plans.pairs_folder(experiment, BASELINE)
    return english, experiment.workspace.switchers(method)


def _switch(table: pa.Table, chosen: Plan, switchers: str, seed: int) -> pa.Table:
    rows = max(1, _BATCH_BYTES * len(table) // max(1, table.nbytes))
    parts = table.combine_chunks().to_batches(max_chunksize=rows)
    return pa.Table.from_batches(
        [switch_pairs(part, chosen, switchers, seed) for part in parts],
        tables.SWITCHED_PAIRS,
    )


def _count(table: pa.Table, chosen: Plan) -> pa.Table:
    parts = table.select(rates.COLUMNS).combine_chunks().to_batches()
    return pa.Table.from_batches([rates.count(part, chosen) for part in parts], rates.COUNTS)
