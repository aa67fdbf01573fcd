"""English pairs + method -> the switched ones, on the fly by Ray Data: nothing is written.

Spark writes the same ones, to the byte (``spark_etl.training_pairs``).
"""

from functools import partial

import pyarrow as pa
import ray.data

from clir import manifest, tables
from clir.errors import InputError
from clir.experiment import Experiment
from clir.switching import plans
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
    english = plans.pairs_folder(experiment, BASELINE)
    switchers = experiment.workspace.switchers(method)
    for folder in (english, switchers):
        manifest.verify(experiment.workspace, folder)
    switch = partial(_switch, chosen=chosen, switchers=str(switchers), seed=experiment.seeds[0])
    files = sorted(str(path) for path in (english / "data").glob("*.parquet"))
    return ray.data.read_parquet(files).map_batches(switch, batch_format="pyarrow", batch_size=4096)


def _switch(table: pa.Table, chosen: Plan, switchers: str, seed: int) -> pa.Table:
    rows = max(1, _BATCH_BYTES * len(table) // max(1, table.nbytes))
    parts = table.combine_chunks().to_batches(max_chunksize=rows)
    return pa.Table.from_batches(
        [switch_pairs(part, chosen, switchers, seed) for part in parts],
        tables.SWITCHED_PAIRS,
    )
