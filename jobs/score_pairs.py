"""Have the experiment's teacher, a cross-encoder, score the English pairs (a Ray job).

Losses that learn from its scores (mse, margin-mse) read them.
"""

from clir import command, experiment, results, terminal
from ray_app.models import base_models


def main() -> None:
    settings = experiment.from_command_line(__doc__, base_models.check)
    results.begin(settings)
    terminal.give_engines(settings.workspace)
    # Engines take seconds to load: mistakes are told, and Ctrl-C is heard, before that.
    from ray_app import cluster
    from ray_app.training import teacher_scores

    with cluster.connection() as connect:
        teacher_scores.build(connect, settings)


if __name__ == "__main__":
    command.run(main)
