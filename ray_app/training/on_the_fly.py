"""English pairs + method -> the switched ones, on the fly by Ray Data: nothing is written.

Spark writes the same ones, to the byte (``spark_etl.training_pairs``).
"""

from __future__ import annotations

from functools import partial

import pyarrow as pa
import ray.data

from clir import manifest, methods, switch_rates, tables
from clir.experiment import Experiment
from clir.methods import Plan


def switched_pairs(experiment: Experiment, method: str) -> ray.data.Dataset:
    """A method's pairs, ``tables.SWITCHED_PAIRS``, switched as they are read.

    The English pairs and the method's look-up tables must be there (``jobs/switch_pairs.py``).
    """
    pairs = methods.pairs_folder(experiment, "zero-shot") / "data"
    switch = partial(
        _switch,
        chosen=methods.plan(experiment, method),
        switchers=str(methods.switchers_folder(experiment, method).absolute()),
        seed=experiment.seeds[0],
    )
    files = sorted(str(path.absolute()) for path in pairs.glob("*.parquet"))
    return ray.data.read_parquet(files).map_batches(switch, batch_format="pyarrow", batch_size=4096)


def _switch(table: pa.Table, chosen: Plan, switchers: str, seed: int) -> pa.Table:
    parts = table.combine_chunks().to_batches()
    return pa.Table.from_batches(
        [methods.switch_pairs(part, chosen, switchers, seed) for part in parts],
        tables.SWITCHED_PAIRS,
    )


def measure(experiment: Experiment, method: str) -> None:
    """Leave a manifest in ``switch_rates/METHOD``: what a pass of training switches."""
    chosen = methods.plan(experiment, method)
    settings = {"plan": chosen._asdict(), "seed": experiment.seeds[0]}
    inputs = [
        methods.pairs_folder(experiment, "zero-shot"),
        methods.switchers_folder(experiment, method),
    ]

    def write(_: object) -> dict[str, object]:
        counted = switched_pairs(experiment, method).map_batches(
            partial(_count, chosen=chosen), batch_format="pyarrow"
        )
        return switch_rates.summary(counted.iter_rows())  # some dozens of each block

    manifest.build(experiment.output / "switch_rates" / method, inputs, settings, write)


def _count(table: pa.Table, chosen: Plan) -> pa.Table:
    parts = table.select(switch_rates.COLUMNS).combine_chunks().to_batches()
    return pa.Table.from_batches(
        [switch_rates.count(part, chosen) for part in parts], switch_rates.COUNTS
    )
